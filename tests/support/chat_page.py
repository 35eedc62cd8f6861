"""The playground page as a user handles it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


@dataclass(frozen=True)
class Chat:
    """A page with a chat in it.

    Args:
        page: The browser's page.
        url: Where the playground is served, without a slash at its end.
    """

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
