"""The browser, the scripted server, and a page open on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.e2e.playground.app import Gallery
from tests.e2e.playground.backend import Backend
from tests.support.browser import new_profile, open_page, running_browser

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page


@pytest.fixture(scope="session")
def profile() -> Iterator[BrowserContext]:
    with running_browser() as browser:
        yield new_profile(browser)


@pytest.fixture(scope="session")
def gallery() -> Iterator[Gallery]:
    with Gallery().serving() as gallery:
        yield gallery


@pytest.fixture
def backend(gallery: Gallery) -> Backend:
    """The server's state, fresh for this test."""
    return gallery.fresh()


@dataclass(frozen=True)
class Chat:
    """The page as a user handles it."""

    page: Page
    url: str

    def open(self, thread_id: str | None = None, path: str = "/") -> Chat:
        """Load the page, with a thread open or with a new one."""
        self.page.goto(f"{self.url}{path}" + (f"#thread={thread_id}" if thread_id else ""))
        self.composer.wait_for()
        return self

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    def send(self, text: str) -> Chat:
        """Write a message and send it."""
        self.composer.fill(text)
        self.composer.press("Enter")
        return self

    def items(self, kind: str) -> Locator:
        """Return the items of one kind, in the order they are shown."""
        return self.page.locator(f"[data-item-type={kind}]")

    @property
    def answer(self) -> Locator:
        """The last thing the assistant said."""
        return self.items("assistant_message").last

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)


@pytest.fixture
def chat(profile: BrowserContext, gallery: Gallery, backend: Backend) -> Iterator[Chat]:
    with open_page(profile) as page:
        yield Chat(page, gallery.url)
