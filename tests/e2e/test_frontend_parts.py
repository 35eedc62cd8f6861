"""The parts around the element in the React example: documents and shares, on the real backend.

The build of the example checks the types of all parts (`tsc`, strict).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.browser import open_page
from tests.support.chat_page import TURN_MILLISECONDS, Chat
from tests.support.frontend import Served

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = pytest.mark.exhaustive


@contextmanager
def page_of(served: Served, profile: BrowserContext, user: str, role: str = "user") -> Iterator[Chat]:
    expect.set_options(timeout=TURN_MILLISECONDS)
    with open_page(profile) as page:
        page.add_init_script(f"sessionStorage.setItem('token', '{served.server.token(user=user, role=role)}')")
        yield Chat(page, served.url).open()


def test_a_user_adds_replaces_and_removes_a_document(served: Served, profile: BrowserContext, tmp_path: Path) -> None:
    old, new, broken = (tmp_path / name for name in ("owls.txt", "herons.txt", "broken.pdf"))
    for file, content in ((old, "Owls."), (new, "Herons."), (broken, "%PDF-1.4 and nothing else")):
        file.write_text(content)
    with page_of(served, profile, "documents") as chat:
        chat.button("My documents").click()
        # The parts of other roles are not offered.
        expect(chat.button("Documents for everybody")).to_have_count(0)
        part = chat.page.get_by_role("region", name="My documents")
        expect(part.get_by_text("There are no documents yet.")).to_be_visible()
        part.get_by_label("Add a document").set_input_files([old, broken])
        rows = part.get_by_role("listitem")
        expect(rows.filter(has_text="owls.txt").get_by_role("status")).to_have_text("can be searched")
        expect(rows.filter(has_text="broken.pdf").get_by_role("status")).to_have_text("could not be read (unreadable)")
        part.get_by_label("Replace owls.txt").set_input_files(new)
        expect(rows.filter(has_text="herons.txt").get_by_role("status")).to_have_text("can be searched")
        part.get_by_role("button", name="Remove broken.pdf").click()
        expect(rows).to_have_count(1)


def test_an_editor_has_the_documents_of_the_tenant(served: Served, profile: BrowserContext, tmp_path: Path) -> None:
    file = tmp_path / "plan.txt"
    file.write_text("The plan.")
    with page_of(served, profile, "edith", "editor") as chat:
        chat.button("Documents for everybody").click()
        part = chat.page.get_by_role("region", name="Documents for everybody")
        part.get_by_label("Add a document").set_input_files(file)
        row = part.get_by_role("listitem").filter(has_text="plan.txt")
        expect(row.get_by_role("status")).to_have_text("can be searched")
        row.get_by_role("button", name="Remove").click()
        expect(row).to_have_count(0)


def test_a_link_shows_the_conversation_until_it_is_revoked(served: Served, profile: BrowserContext) -> None:
    with page_of(served, profile, "sharer") as chat, open_page(profile) as other:
        chat.send("words to share")
        expect(chat.answer).to_contain_text("words to share")
        expect(chat.button("Send")).to_be_visible()
        chat.button("Share").click()
        part = chat.page.get_by_role("region", name="Share")
        part.get_by_label("Works for").select_option("30 days")
        part.get_by_role("button", name="Make a link").click()
        link = part.get_by_role("status").get_by_role("link").text_content()
        assert link is not None
        token = served.server.token(user="reader")
        other.add_init_script(f"sessionStorage.setItem('token', '{token}')")
        other.goto(link)
        shared = other.get_by_role("main", name="Shared conversation")
        expect(shared.locator("[data-shared-type=user_message]")).to_have_text(["words to share"])
        part.get_by_role("button", name="Revoke").click()
        expect(part.get_by_role("listitem")).to_have_count(0)
        other.reload()
        expect(shared.get_by_role("alert")).to_have_text("Not found.")
