"""What axe finds: names, roles, contrast, in light and dark, on every screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.playground.backend import Backend
from tests.e2e.playground.test_items import one_of_each

if TYPE_CHECKING:
    from tests.support.chat_page import Chat


def check(chat: Chat, packages: Path) -> None:
    """Run axe on the page as it is, and fail with what is wrong with which element."""
    chat.page.evaluate((packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    # Without the preload, axe adds no styles of its own, which the page's policy would refuse.
    violations = chat.page.evaluate("axe.run({preload: false}).then((result) => result.violations)")
    found = [f"{fault['id']}: {node['html'][:150]}" for fault in violations for node in fault["nodes"]]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("theme", "width"),
    [
        ("dark", 1280),
        ("light", 390),
        pytest.param("light", 1280, marks=pytest.mark.exhaustive),
        pytest.param("dark", 390, marks=pytest.mark.exhaustive),
    ],
)
def test_no_screen_has_a_fault_that_axe_finds(chat: Chat, packages: Path, theme: str, width: int) -> None:
    chat.page.set_viewport_size({"width": width, "height": 844})
    chat.open()
    if theme == "dark":
        chat.button("Dark mode").click()
    check(chat, packages)
    for script in ("notice", "sources", "widget layout", "widget form", "widget charts", "rich", "fail-once"):
        chat.send(script)
        expect(chat.button("Stop")).to_have_count(0)
    check(chat, packages)
    chat.button("Panel").click()
    check(chat, packages)
    chat.button("Panel").click()
    chat.button("History").click()
    expect(chat.page.get_by_role("region", name="History").get_by_role("listitem")).to_have_count(1)
    check(chat, packages)


def test_every_kind_of_item_is_without_such_a_fault(chat: Chat, backend: Backend, packages: Path) -> None:
    chat.open(backend.seed(*one_of_each()))
    expect(chat.answer).to_be_visible()
    check(chat, packages)
