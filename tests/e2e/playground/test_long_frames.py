"""Ten thousand deltas: what the page does in one frame does not grow with the length of the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.playground import scripts

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


# Draws a text as it comes, in pieces of random length, and once as a whole.
GROWN_AND_WHOLE = """async ([text, seed]) => {
  const { MarkdownView } = await import("/element/markdown.js");
  const drawn = (pieces) => {
    const box = document.createElement("div");
    const view = new MarkdownView(box);
    for (const piece of pieces) view.draw(piece);
    return box.innerHTML;
  };
  const pieces = [];
  for (let end = 0, state = seed; end < text.length; pieces.push(text.slice(0, end))) {
    state = (state * 48271) % 2147483647;
    end += 1 + (state % 40);
  }
  return [drawn(pieces), drawn([text])];
}"""
TRICKY = """- one
- two

  still two

not a list

- another


1. first

   ```js
   let a = 1;
   ```
2. second

| a | b |
|---|---|
| 1 | 2 |

A heading
=========

<!-- a comment

over lines -->

See [the page][here] and $$a^2$$.

> quoted
lazily

    indented

* * *

[here]: https://example.com/here
The end.
"""


@pytest.mark.parametrize("text", [scripts.MARKDOWN, scripts.RICH, TRICKY, TRICKY.replace("\n", "\r\n")])
def test_a_text_that_grows_is_drawn_as_the_whole_text(chat: Chat, text: str) -> None:
    chat.open()
    for seed in range(1, 12):
        grown, whole = chat.page.evaluate(GROWN_AND_WHOLE, [text, seed])
        assert grown == whole
