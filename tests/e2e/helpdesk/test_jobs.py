"""The sample's long work on the dev server: the function `job` runs it, and the page shows its progress and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.browser import open_page
from tests.support.chat_page import Chat
from tests.support.dev import DevServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

TURN_MILLISECONDS = 60_000


def test_a_job_shows_its_progress_ends_and_is_cancelled(profile: BrowserContext, dev_server: DevServer) -> None:
    expect.set_options(timeout=TURN_MILLISECONDS)
    with open_page(profile) as page:
        chat = Chat(page, dev_server.page_url.rstrip("/")).open()
        chat.send("!tool count_invoices")
        expect(chat.items("widget").last).to_contain_text("Counting the invoices")
        expect(chat.items("widget").last).to_contain_text("%")
        expect(chat.answer).to_contain_text("I have counted")
        expect(chat.items("widget").last).to_contain_text("Done")
        chat.send("!tool count_invoices")
        expect(chat.items("widget")).to_have_count(2)
        chat.items("widget").last.get_by_role("button", name="Cancel").click()
        expect(chat.items("widget").last).to_contain_text("Cancelled")
        expect(chat.answer).to_contain_text("was cancelled")
