"""The sample's long work on the dev server: the function `job` runs it, and the page shows its progress and its end."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx2
from playwright.sync_api import expect

from scripts.deployment import TIMEOUT_SECONDS, Deployment
from scripts.smoke_checks.jobs import long_work
from scripts.smoke_checks.run import Run
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


def test_the_smoke_test_starts_a_job_and_cancels_it(dev_server: DevServer) -> None:
    async def check() -> str:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
            url = dev_server.page_url.rstrip("/")
            stack = Deployment(url, url, url, dev_server.token("smoke"), "authorization", http)
            return await long_work(Run(stack, provider="demo"))

    # The browser's library has an event loop in this thread.
    with ThreadPoolExecutor(1) as thread:
        said = thread.submit(lambda: asyncio.run(check())).result()
    # On a busy machine, the short job is done before the click.
    assert said in ("started, cancelled, its end is in the thread", "started, done, its end is in the thread")
