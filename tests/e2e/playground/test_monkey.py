"""A thousand random clicks, keys and navigations while answers stream: the page meets no error of its own."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Error

from tests.e2e.playground.app import PAGE
from tests.e2e.playground.backend import Backend
from tests.e2e.playground.test_items import one_of_each

if TYPE_CHECKING:
    from tests.support.chat_page import Chat

STEPS = 1000
SEED = 20
# The seeds that the long form adds.
MORE_SEEDS = range(SEED + 1, SEED + 6)

MESSAGES = (
    "slow", "markdown", "sources", "think", "image", "ask", "tool get_browser_info", "widget-updates", "widget form",
    "fail-once", "guard", "notice", "progress", "lock", "hello there", "@zee", "/", "two\nlines",
)  # fmt: skip
KEYS = (
    "Tab", "Tab", "Shift+Tab", "Enter", "Enter", "Space", "Escape", "Backspace", "ArrowDown", "ArrowUp", "Home", "End",
    "PageUp", "PageDown", "Control+a", "a", "@", "/",
)  # fmt: skip
FAULTS = ("cut", "503", "429", "html")
# What a click can land on. A link to a page elsewhere would open a tab, which is another page.
CONTROLS = "button, input, textarea, select, summary, a[href^='#'], [role=button], [role=option], label"
# Where the controls that can be seen are; of all roots, as the element keeps its own in a shadow tree.
PLACES = f"""() => {{
  const roots = [document, document.querySelector("openai-chatkit")?.shadowRoot].filter(Boolean);
  return roots.flatMap((root) => [...root.querySelectorAll("{CONTROLS}")])
    .map((control) => control.getBoundingClientRect())
    .filter((box) => box.width > 0 && box.bottom > 0 && box.top < innerHeight)
    .map((box) => [box.left + box.width / 2, box.top + box.height / 2]);
}}"""

# A page may take the element out and put it back, as a framework does.
REMOVED = """() => {
  const kit = document.querySelector("openai-chatkit");
  const home = kit?.parentNode;
  kit?.remove();
  setTimeout(() => home?.append(kit), 50);
}"""

FOCUS = """() => {
  const area = document.querySelector("openai-chatkit")?.shadowRoot.querySelector(".composer textarea");
  area?.focus();
  return Boolean(area);
}"""


class Monkey:
    """Somebody who does anything in any order.

    Args:
        chat: The page.
        backend: The server, which fails now and then.
        seed: Makes the same monkey again.
    """

    def __init__(self, chat: Chat, backend: Backend, seed: int) -> None:
        self.page = chat.page
        self.chat = chat
        self.backend = backend
        self.random = random.Random(seed)  # noqa: S311 - a test's dice
        self.acts: list[Callable[[], str]] = (
            [self.click] * 9 + [self.press] * 6 + [self.write] * 4 + [self.select] * 2 + [self.go] * 2 + [self.fault]
        )

    def step(self) -> str:
        """Do something, and return what it was."""
        return self.random.choice(self.acts)()

    def click(self) -> str:
        places = self.page.evaluate(PLACES)
        if not places:
            return "nothing to click"
        x, y = self.random.choice(places)
        self.page.mouse.click(x, y)
        return f"click at {x:.0f}, {y:.0f}"

    def press(self) -> str:
        key = self.random.choice(KEYS)
        self.page.keyboard.press(key)
        return f"press {key}"

    def write(self) -> str:
        text = self.random.choice(MESSAGES)
        if not self.page.evaluate(FOCUS):
            return "nowhere to write"
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Enter")
        return f"write {text!r}"

    def select(self) -> str:
        """Select words by a triple click somewhere, which also scrolls there."""
        x, y = self.random.randrange(1000), self.random.randrange(100, 850)
        self.page.mouse.click(x, y, click_count=3)
        self.page.mouse.wheel(0, self.random.choice((-400, 400)))
        return f"select at {x}, {y}"

    def go(self) -> str:
        where = self.random.choice(("back", "forward", "reload", "thr_seeded", "thr_unknown", "new", "removed"))
        if where == "back":
            self.page.evaluate("history.back()")
        elif where == "forward":
            self.page.evaluate("history.forward()")
        elif where == "reload":
            self.page.reload()
        elif where == "removed":
            self.page.evaluate(REMOVED)
        else:
            thread = None if where == "new" else where
            self.page.evaluate("id => { document.querySelector('openai-chatkit')?.setThreadId(id); }", thread)
        return f"go {where}"

    def fault(self) -> str:
        kind = self.random.choice(FAULTS)
        self.backend.faults = [kind]
        return f"the next answer is {kind}"


def play(chat: Chat, backend: Backend, seed: int) -> None:
    errors: list[str] = []
    chat.page.on("pageerror", lambda error: errors.append(f"{error.message}\n{error.stack}"))
    chat.page.on("filechooser", lambda chooser: None)
    chat.page.on("popup", lambda other: other.close())
    backend.seed(*one_of_each())
    monkey = Monkey(chat.open(), backend, seed)
    done: list[str] = []
    for _ in range(STEPS):
        try:
            if chat.page.url == "about:blank":
                # It went back to before the page.
                chat.page.goto(chat.url)
            done.append(monkey.step())
        except Error as error:
            # A page that reloads in the middle of a step has no more element for it.
            if not re.search("navigat|destroyed|detached", error.message):
                raise
        assert not errors, f"seed {seed}: after {done[-15:]}:\n" + "\n".join(errors)


def test_a_thousand_random_acts_meet_no_error_of_the_page(chat: Chat, backend: Backend) -> None:
    play(chat, backend, SEED)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_more_of_them(chat: Chat, backend: Backend, seed: int) -> None:
    play(chat, backend, seed)


def test_a_selection_that_changes_after_a_thread_was_left_finds_no_listener(chat: Chat, backend: Backend) -> None:
    """On a busy machine much time passes between the drawing and the next paint: here none comes."""
    chat.open(backend.seed(*one_of_each()))
    chat.answer.wait_for()
    chat.page.evaluate(
        """async () => {
          window.requestAnimationFrame = () => 0;
          document.querySelector("openai-chatkit").setThreadId(null);
          const root = document.querySelector("openai-chatkit").shadowRoot;
          while (root.querySelector(".thread")) await new Promise((done) => setTimeout(done, 1));
          document.dispatchEvent(new Event("selectionchange"));
        }"""
    )


def test_no_view_uses_an_effect_that_is_cleaned_up_after_its_elements_have_gone() -> None:
    modules = (PAGE / "element").rglob("*.js")
    assert [path.name for path in modules if re.search(r"\buseEffect\s*\(", path.read_text(encoding="utf-8"))] == []
