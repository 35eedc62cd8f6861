"""Reading: the end in sight, tables, code, formulas, files, and what the keyboard does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.playground import items
from tests.e2e.playground.app import Gallery
from tests.e2e.playground.backend import Backend

if TYPE_CHECKING:
    from tests.support.chat_page import Chat

TOP = "() => kit().querySelector('.thread').scrollTop"
FAR = "() => { const t = kit().querySelector('.thread'); return t.scrollHeight - t.scrollTop - t.clientHeight; }"
KIT = "window.kit = () => document.querySelector('openai-chatkit').shadowRoot; 0"


def wheel_comes_to_rest(chat: Chat) -> None:
    """Wait until the turned wheel has moved the thread and moves it no more, however slow the machine is."""
    chat.page.evaluate(KIT)
    seen: list[float] = []
    while len(seen) < 4 or len(set(seen[-4:])) > 1:
        seen.append(chat.page.evaluate(TOP))
        chat.page.wait_for_timeout(200)


def from_end(chat: Chat) -> float:
    """Return how far the end is out of sight, in px."""
    chat.page.evaluate(KIT)
    distance: float = chat.page.evaluate(FAR)
    return distance


MORE = ["markdown", "widget layout", "image", "think", "sources"]


@pytest.mark.parametrize(
    "words",
    ["long", "rich", "widget charts", *(pytest.param(words, marks=pytest.mark.exhaustive) for words in MORE)],
)
def test_the_end_stays_in_sight_whatever_comes(chat: Chat, backend: Backend, words: str) -> None:
    before = items.assistant("thr_seeded", "text\n\n" * 60)
    chat.open(backend.seed(before))
    expect(chat.answer).to_be_visible()
    chat.send(words).finished()
    chat.page.wait_for_timeout(300)
    assert from_end(chat) < 2
    expect(chat.button("Jump to latest")).to_have_count(0)


def test_a_reader_who_scrolls_up_stays_there_until_a_jump_or_a_message(chat: Chat, backend: Backend) -> None:
    chat.open(backend.seed(items.assistant("thr_seeded", "text\n\n" * 80)))
    chat.send("long")
    expect(chat.answer).to_contain_text("Paragraph 5.")
    chat.page.get_by_role("region", name="Conversation").hover()
    chat.page.mouse.wheel(0, -1500)
    expect(chat.button("Jump to latest")).to_be_visible()
    wheel_comes_to_rest(chat)
    top = chat.page.evaluate(TOP)
    expect(chat.answer).to_contain_text("Paragraph 59.")
    assert chat.page.evaluate(TOP) == top
    chat.button("Jump to latest").click()
    expect(chat.button("Jump to latest")).to_have_count(0)
    chat.finished()
    assert from_end(chat) < 2
    chat.page.mouse.wheel(0, -1500)
    expect(chat.button("Jump to latest")).to_be_visible()
    wheel_comes_to_rest(chat)
    chat.send("hello")
    # The page may still say that it is ready for the moment before the message is on its way.
    expect(chat.items("user_message").last).to_contain_text("hello")
    chat.finished()
    assert from_end(chat) < 2


def test_tables_code_tasks_and_formulas_are_drawn_as_such(chat: Chat) -> None:
    chat.page.set_viewport_size({"width": 390, "height": 844})
    chat.open().send("rich").finished()
    answer = chat.answer
    table = answer.get_by_role("region", name="Table")
    assert table.evaluate("box => box.scrollWidth > box.clientWidth")
    heights = table.locator("td").evaluate_all("cells => cells.map((cell) => cell.clientHeight)")
    assert max(heights) < 60, "a word is broken over several lines"
    expect(answer.locator(".code-bar")).to_contain_text("python")
    expect(answer.locator(".hljs-keyword").first).to_have_text("def")
    answer.get_by_role("button", name="Copy").click()
    expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    assert chat.page.evaluate("navigator.clipboard.readText()").startswith("def greet")
    expect(answer.get_by_role("checkbox", name="Water the plants")).to_be_checked()
    expect(answer.get_by_role("checkbox", name="Buy milk")).not_to_be_checked()
    expect(answer.locator("math")).to_have_count(2)
    assert chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_escape_stops_the_answer(chat: Chat, backend: Backend) -> None:
    chat.open().send("slow")
    expect(chat.answer).to_contain_text("word2")
    chat.composer.press("Escape")
    chat.finished()
    assert len(backend.requests("/chatkit/api/cancel")) == 1


def test_the_focus_returns_to_where_it_was(chat: Chat) -> None:
    chat.open().send("fail-once")
    expect(chat.page.get_by_role("alert")).to_be_visible()
    chat.button("Retry").press("Enter")
    expect(chat.composer).to_be_focused()
    chat.finished().send("slow")
    chat.button("Stop").press("Enter")
    expect(chat.composer).to_be_focused()
    for opener, close in (("History", "Close history"), ("Tools", None)):
        chat.button(opener).press("Enter")
        if close:
            chat.button(close).press("Enter")
        else:
            chat.page.keyboard.press("Escape")
        expect(chat.button(opener)).to_be_focused()


def test_a_refused_file_says_why_nothing_can_be_sent(chat: Chat) -> None:
    chat.open().composer.fill("Here is a file")
    chat.page.locator("input[type=file]").set_input_files(
        {"name": "virus.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"}
    )
    expect(chat.button("Send")).to_be_disabled()
    expect(chat.page.get_by_text("Remove virus.exe to send your message: the file was not accepted.")).to_be_visible()
    chat.button("Remove virus.exe").click()
    expect(chat.button("Send")).to_be_enabled()


@pytest.mark.parametrize(("name", "kind"), [("a.png", "image/png"), ("a.pdf", "application/pdf")])
def test_a_sent_file_opens_by_a_url_that_is_made_then(chat: Chat, gallery: Gallery, name: str, kind: str) -> None:
    chat.open()
    chat.page.locator("input[type=file]").set_input_files({"name": name, "mimeType": kind, "buffer": b"-"})
    expect(chat.page.get_by_role("list", name="Attachments").get_by_role("listitem")).to_have_attribute(
        "aria-busy", "false"
    )
    chat.send("hello").finished()
    chat.page.reload()
    with chat.page.context.expect_page() as opened:
        chat.items("user_message").get_by_role("button", name=name).click()
    opened.value.wait_for_url(f"{gallery.bucket_url}/*")
    opened.value.close()
