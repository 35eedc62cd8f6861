"""The playground page as a user handles it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# A turn on a machine that does other things too.
TURN_MILLISECONDS = 60_000
SCREEN = """() => {
  const root = document.querySelector("openai-chatkit").shadowRoot;
  const state = (element) => ["aria-pressed", "aria-expanded", "disabled", "checked", "href"]
    .map((name) => `${name}=${element.getAttribute(name)}`).join(" ");
  const controls = (element) => [...element.querySelectorAll("button, input, select, textarea, a")]
    .map((each) => `${each.getAttribute("aria-label") ?? each.textContent.trim()} ${state(each)}`);
  return {
    title: root.querySelector(".header-title")?.textContent ?? null,
    composer: root.querySelector(".composer")?.className ?? null,
    items: [...root.querySelectorAll("[data-item-id]")].map((item) => ({
      id: item.dataset.itemId,
      kind: item.dataset.itemType,
      text: item.innerText,
      controls: controls(item),
    })),
    actions: [...root.querySelectorAll(".turn-actions")].map(controls),
  };
}"""


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

    def finished(self) -> Chat:
        """Wait until no turn runs in the open thread."""
        from playwright.sync_api import expect

        expect(self.page.get_by_text("Ready", exact=True)).to_have_count(1, timeout=TURN_MILLISECONDS)
        return self

    def screen(self) -> dict[str, Any]:
        """Return what the chat shows: its title, its items and what can be done with them."""
        shown: dict[str, Any] = self.page.evaluate(SCREEN)
        return shown

    def check_reload(self) -> Chat:
        """Check that a reload shows what is on the screen.

        Raises:
            AssertionError: it shows something else.
        """
        before = self.finished().screen()
        assert before["items"], "nothing is on the screen"
        self.page.reload()
        after = self.finished().screen()
        assert after == before, f"a reload shows {after}, and before it was {before}"
        return self

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)
