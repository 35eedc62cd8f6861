"""Measure how the page draws a long answer, compared with a page that draws the whole answer at each frame.

    python -m benchmarks.page [--quick]

The page is the shipped one in headless Chromium, on a scripted server that sends the words without a pause. A slow
computer is Chromium with its CPU slowed down four times. For each answer: the longest time between two frames, the
frames that took more than 100 ms, and the page's time for scripts and layout per word. Each is the middle one of three
runs. Prints a table and writes bench-results/page.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.playground.app import PAGE, Gallery
from tests.support.browser import new_profile, running_browser
from tests.support.chat_page import Chat

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RESULTS = Path(__file__).parents[1] / "bench-results" / "page.json"
DELTAS, QUICK_DELTAS = (1_000, 10_000), (1_000,)
# How many times slower than this computer.
SLOWDOWNS = (1, 4)
RUNS = 3
# A frame that takes longer is seen as a jerk.
LONG_FRAME_MILLISECONDS = 100
# The last words are drawn after the answer's end.
LAST_FRAMES_MILLISECONDS = 500
MEASURE = """() => {
  window.gaps = [];
  let last = performance.now();
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const element = document.querySelector("openai-chatkit");
  window.ended = new Promise((resolve) => element.addEventListener("chatkit.response.end", resolve, { once: true }))
    .then(() => null);
}"""
WHOLE = """
export class MarkdownView {
  constructor(container) {
    this.container = container;
  }
  draw(text, { imageDomains = null, annotations = [] } = {}) {
    this.container.replaceChildren(sanitized(marked.parse(placeMarks(text, annotations)), imageDomains));
  }
}
"""


def draw_whole(page: Page) -> None:
    """Let the page draw all of an answer at each frame."""
    shipped = (PAGE / "element" / "markdown.js").read_text(encoding="utf-8")
    source = shipped.replace("export class MarkdownView", "class Shipped") + WHOLE
    page.route("**/element/markdown.js", lambda route: route.fulfill(body=source, content_type="text/javascript"))


def measure(browser: Browser, gallery: Gallery, *, whole: bool, deltas: int, slowdown: int) -> dict[str, Any]:
    """Let the page show one answer."""
    gallery.fresh()
    profile = new_profile(browser)
    page = profile.new_page()
    if whole:
        draw_whole(page)
    chat = Chat(page, gallery.url).open()
    tools = profile.new_cdp_session(page)
    tools.send("Performance.enable")

    def busy_seconds() -> float:
        metrics = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
        return float(metrics["ScriptDuration"] + metrics["LayoutDuration"] + metrics["RecalcStyleDuration"])

    tools.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    page.evaluate(MEASURE)
    before = busy_seconds()
    chat.send(f"deltas {deltas}")
    # Looking for a text would cost the page more time than drawing it.
    page.evaluate("window.ended")
    page.wait_for_timeout(LAST_FRAMES_MILLISECONDS)
    busy = busy_seconds() - before
    gaps: list[float] = page.evaluate("gaps")
    assert chat.answer.inner_text().split()[-1].startswith(f"word{deltas - 1}")
    profile.close()
    return {
        "page": "the whole answer at each frame" if whole else "this page",
        "deltas": deltas,
        "slowdown": slowdown,
        "longest frame, ms": round(max(gaps)),
        "frames over 100 ms": sum(gap > LONG_FRAME_MILLISECONDS for gap in gaps),
        "µs per delta": round(busy * 1_000_000 / deltas),
    }


def median(browser: Browser, gallery: Gallery, **answer: Any) -> dict[str, Any]:
    """Let the page show an answer several times, and return the run in the middle: other work disturbs single runs."""
    runs = [measure(browser, gallery, **answer) for _ in range(RUNS)]
    return sorted(runs, key=lambda run: int(run["longest frame, ms"]))[RUNS // 2]


def show(results: list[dict[str, Any]]) -> None:
    """Print the results as a table."""
    print("| " + " | ".join(results[0]) + " |")
    print("|" + "---|" * len(results[0]))
    for result in results:
        print("| " + " | ".join(str(value) for value in result.values()) + " |")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short answers alone")
    deltas = QUICK_DELTAS if parser.parse_args().quick else DELTAS
    try:
        with Gallery().serving() as gallery, running_browser() as browser:
            # Chromium compiles the page's scripts once for all profiles.
            measure(browser, gallery, whole=False, deltas=QUICK_DELTAS[0], slowdown=1)
            results = [
                median(browser, gallery, whole=whole, deltas=count, slowdown=slowdown)
                for slowdown in SLOWDOWNS
                for count in deltas
                for whole in (False, True)
            ]
    except pytest.skip.Exception as missing:
        print(missing)
        return
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    show(results)


if __name__ == "__main__":
    main()
