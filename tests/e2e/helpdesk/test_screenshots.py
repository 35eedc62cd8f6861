"""The pictures of the documentation, taken from the running page: `make screenshots` keeps them in docs/images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import expect

from tests.support.browser import new_profile, open_page, running_browser
from tests.support.chat_page import Chat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.support.dev import DevServer

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TURN_MILLISECONDS = 60_000

# Other tests of the page show the same parts.
pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> Literal["light", "dark"]:
    scheme: Literal["light", "dark"] = request.param
    return scheme


@pytest.fixture
def chat(browser: Browser, dev_server: DevServer, scheme: Literal["light", "dark"]) -> Iterator[Chat]:
    expect.set_options(timeout=TURN_MILLISECONDS)
    profile = new_profile(browser)
    with open_page(profile) as page:
        page.set_viewport_size({"width": 1280, "height": 800})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        yield Chat(page, dev_server.page_url.rstrip("/")).open()
    profile.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the pictures go: a folder of the test's own, unless they are to be kept."""
    kept = os.environ.get("SCREENSHOTS")
    folder = Path(kept) if kept else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def picture(chat: Chat, folder: Path, name: str) -> None:
    """Take a picture, and see that there is something on it."""
    expect(chat.button("Send")).to_be_visible()
    chat.page.mouse.move(1, 1)
    path = folder / f"{name}.png"
    chat.page.screenshot(path=path, animations="disabled", caret="hide")
    # A page of one colour takes a few kilobytes.
    assert path.stat().st_size > 15_000


def test_the_chat(chat: Chat, folder: Path, scheme: str) -> None:
    chat.send("What can you do?")
    expect(chat.answer).to_contain_text("demo")
    expect(chat.button("Send")).to_be_visible()
    chat.send("!think")
    expect(chat.items("workflow").last).to_be_visible()
    picture(chat, folder, f"chat-{scheme}")


def test_tools_and_widgets(chat: Chat, folder: Path, scheme: str) -> None:
    for task in ("add task buy milk", "add task call the plumber", "list my tasks"):
        before = chat.items("user_message").count()
        chat.send(task)
        expect(chat.items("user_message")).to_have_count(before + 1)
        expect(chat.button("Send")).to_be_visible()
    expect(chat.items("widget").last).to_contain_text("buy milk")
    picture(chat, folder, f"widgets-{scheme}")


def test_an_approval(chat: Chat, folder: Path, scheme: str) -> None:
    chat.send("refund my invoice 502")
    expect(chat.button("Approve")).to_be_visible()
    picture(chat, folder, f"approval-{scheme}")


def test_the_panel(chat: Chat, folder: Path, scheme: str) -> None:
    chat.send("list my tasks").finished()
    chat.button("Panel").click()
    for name in ("You", "Demo commands", "Last answer"):
        chat.page.locator("#panel summary").get_by_text(name, exact=True).click()
    chat.page.locator("#panel summary").get_by_text("Last turn", exact=True).click()
    chat.page.locator("#panel details[open]").get_by_role("button", name="Look").click()
    expect(chat.page.get_by_role("list", name="Calls")).to_contain_text("DynamoDB")
    picture(chat, folder, f"panel-{scheme}")
