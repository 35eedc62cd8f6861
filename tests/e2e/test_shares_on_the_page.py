"""The page's dialog makes a link, another page shows the snapshot, and a revoked link shows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.browser import open_page
from tests.support.chat_page import Chat
from tests.support.dev import DevServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

# A model's turn through every part of the system, on a machine that does other things too.
TURN_MILLISECONDS = 60_000


@pytest.fixture
def chat(profile: BrowserContext, dev_server: DevServer) -> Iterator[Chat]:
    expect.set_options(timeout=TURN_MILLISECONDS)
    with open_page(profile) as page:
        yield Chat(page, dev_server.page_url.rstrip("/")).open()


def test_a_link_shows_the_conversation_until_it_is_revoked(chat: Chat, profile: BrowserContext) -> None:
    chat.send("words to share")
    expect(chat.answer).to_contain_text("words to share")
    expect(chat.button("Send")).to_be_visible()
    chat.button("Share").click()
    chat.page.get_by_role("button", name="Make a link", exact=True).click()
    link = chat.page.locator("dialog a").text_content()
    assert link is not None
    with open_page(profile) as other:
        other.goto(link)
        shared = other.get_by_role("dialog", name="Shared conversation")
        expect(shared.locator("[data-shared-type=user_message]")).to_have_text(["words to share"])
        chat.button("Close").click()
        chat.button("Share").click()
        chat.button("Revoke").first.click()
        expect(chat.button("Revoke")).to_have_count(0)
        other.reload()
        expect(shared.get_by_role("alert")).to_have_text("Not found.")
