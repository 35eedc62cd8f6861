"""Ten thousand deltas: what the page does in one frame does not grow with the length of the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.chat_page import Chat

DELTAS = 10_000
# Notes how long each task of the page kept the browser from drawing: tasks of more than 50 ms are told to observers.
OBSERVE = """() => {
  window.longest = [];
  new PerformanceObserver((list) => longest.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ entryTypes: ["longtask"] });
}"""
# How often the page drew while the answer came, and what it drew again.
COUNT = """() => {
  window.drawn = { added: 0, most: 0 };
  const root = document.querySelector("openai-chatkit").shadowRoot;
  new MutationObserver((changes) => {
    const added = changes.filter((change) => change.target.classList?.contains("markdown"))
      .reduce((sum, change) => sum + change.addedNodes.length, 0);
    drawn.added += added;
    drawn.most = Math.max(drawn.most, added);
  }).observe(root, { childList: true, subtree: true });
}"""


@pytest.mark.exhaustive
def test_ten_thousand_deltas_draw_only_what_has_changed(chat: Chat) -> None:
    chat.open()
    chat.page.evaluate(OBSERVE)
    chat.page.evaluate(COUNT)
    chat.send(f"deltas {DELTAS}").finished()
    assert len(chat.answer.inner_text().split()) == DELTAS
    drawn = chat.page.evaluate("drawn")
    blocks = chat.answer.locator(".markdown > *").count()
    # Each block is drawn when it comes and again while it grows; a page that drew everything anew would draw them
    # all at each frame.
    assert drawn["most"] < blocks, "one drawing has drawn the whole answer again"
    longest = sorted(chat.page.evaluate("longest"))
    print(json.dumps({"deltas": DELTAS, "drawn": drawn, "tasks_over_50_ms": longest[-5:]}))
