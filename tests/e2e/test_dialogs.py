"""The page's dialogs: what axe finds in them, and that they fit a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.playground.conftest import gallery, packages
from tests.e2e.playground.test_accessibility import check
from tests.support.chat_page import Chat
from tests.support.dev import DevServer

__all__ = ["gallery", "packages"]

pytestmark = pytest.mark.exhaustive

DIALOGS = ("Memory", "Edit or fork", "Ask for a person", "People", "Share", "My documents", "Documents for everybody")


@pytest.fixture(scope="module")
def dev_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    parts = {"KNOWLEDGE": "dynamodb", "KNOWLEDGE_EDITORS": "support", "SUPPORT_ROLES": "support", "SHARES": "public"}
    made = DevServer(tmp_path_factory.mktemp("dialogs"), {**parts, "AGENT_FACTORY": "helpdesk:build_agent"})
    yield made
    if made.process.poll() is None:
        made.stop()


def as_staff(chat: Chat, dev_server: DevServer, user: str) -> Chat:
    """Be a user who has every part of the page, with a conversation that has something for each dialog."""
    chat.page.get_by_label("Token").fill(dev_server.token(user=user, role="support"))
    chat.page.get_by_label("Token").press("Enter")
    expect(chat.button("People")).to_be_visible()
    chat.send('!tool remember {"fact": "Likes grey herons."}').finished()
    return chat


@pytest.mark.parametrize(("theme", "width"), [("dark", 360), ("light", 360), ("light", 1280), ("dark", 1280)])
def test_no_dialog_has_a_fault_that_axe_finds_or_is_wider_than_the_screen(
    chat: Chat, dev_server: DevServer, packages: Path, tmp_path: Path, theme: str, width: int
) -> None:
    page = chat.page
    page.set_viewport_size({"width": width, "height": 800})
    as_staff(chat, dev_server, f"staff-{theme}-{width}")
    chat.send('!tool ask_for_a_person {"reason": "The invoice is wrong."}').finished()
    if (page.locator("html").get_attribute("data-theme") == "dark") != (theme == "dark"):
        chat.button("Dark mode").click()
    file = tmp_path / "a document with a rather long name for a narrow screen.txt"
    file.write_text("Owls nest in the old barn.")
    for name in DIALOGS:
        chat.button(name).click()
        dialog = page.get_by_role("dialog", name=name)
        expect(dialog.get_by_role("heading", name=name)).to_be_visible()
        match name:
            case "People":
                dialog.get_by_role("button", name="Open", exact=True).first.click()
                expect(dialog.get_by_role("log")).to_contain_text("Likes grey herons.")
            case "Share":
                dialog.get_by_role("button", name="Make a link").click()
                expect(dialog.get_by_role("link")).to_be_visible()
            case "My documents":
                dialog.get_by_label("Add a document").set_input_files(file)
                expect(dialog.get_by_role("listitem").get_by_role("status")).to_contain_text("can be searched")
        check(chat, packages)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert dialog.evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth"), name
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
