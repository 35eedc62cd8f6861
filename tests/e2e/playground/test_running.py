"""One truth about running: what is on the screen is what the server says, in each tab and after a reload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Request, expect

from tests.e2e.playground.app import Gallery
from tests.e2e.playground.backend import Backend
from tests.support.browser import new_profile, open_page
from tests.support.chat_page import Chat

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@pytest.fixture
def other(profile: BrowserContext, gallery: Gallery, chat: Chat) -> Iterator[Chat]:
    """A second tab of the same browser."""
    with open_page(profile) as page:
        yield Chat(page, gallery.url)


def thread_of(backend: Backend) -> str:
    """Return the one thread there is."""
    [thread_id] = backend.store.threads
    return thread_id


def stop(chat: Chat) -> None:
    expect(chat.answer).to_contain_text("word5")
    chat.button("Stop").click()


def rate(chat: Chat) -> None:
    chat.button("Bad response").click()
    expect(chat.button("Bad response")).to_have_attribute("aria-pressed", "true")


def answer_again(chat: Chat) -> None:
    old = chat.answer.get_attribute("data-item-id")
    chat.button("Answer again").click()
    expect(chat.page.locator(f"[data-item-id={old}]")).to_have_count(0)


def complete_task(chat: Chat) -> None:
    chat.items("widget").get_by_role("button").first.click()


def submit(chat: Chat) -> None:
    chat.items("structured_input").get_by_role("radio", name="Green").check()
    chat.items("structured_input").get_by_role("button", name="Submit").click()
    expect(chat.answer).to_contain_text("answered")


def retry(chat: Chat) -> None:
    chat.button("Retry").click()
    expect(chat.answer).to_have_text("The whole answer.")


def nothing(chat: Chat) -> None:
    """Do nothing after the answer."""


SCENARIOS: list[tuple[str, Callable[[Chat], None]]] = [
    ("hello", rate),
    ("hello", answer_again),
    ("guard", nothing),
    ("widget-updates", nothing),
    ("ask", submit),
    ("fail-once", retry),
    ("slow", stop),
]
# The long form: what differs in its drawing alone.
MORE: list[tuple[str, Callable[[Chat], None]]] = [
    ("hello", nothing),
    ("markdown", nothing),
    ("sources", nothing),
    ("think", nothing),
    ("image", nothing),
    ("silent", nothing),
    ("widget tasks", complete_task),
    ("tool switch_theme", nothing),
    ("ask", nothing),
    ("close", nothing),
]


@pytest.mark.parametrize(
    ("words", "act"), [*SCENARIOS, *(pytest.param(*each, marks=pytest.mark.exhaustive) for each in MORE)]
)
def test_a_reload_shows_what_is_on_the_screen(chat: Chat, words: str, act: Callable[[Chat], None]) -> None:
    chat.open().send(words)
    if act is not stop:
        chat.finished()
    act(chat)
    chat.check_reload()


def test_after_a_reload_a_running_turn_shows_stop_and_no_thumbs(chat: Chat, backend: Backend) -> None:
    chat.open().send("slow")
    expect(chat.answer).to_contain_text("word2")
    chat.page.reload()
    expect(chat.button("Stop")).to_be_visible()
    expect(chat.page.get_by_text("Answering", exact=True)).to_have_count(1)
    expect(chat.button("Good response")).to_have_count(0)
    chat.button("Stop").click()
    expect(chat.button("Send")).to_be_visible()
    expect(chat.button("Good response")).to_be_visible()
    [cancel] = backend.requests("/chatkit/api/cancel")
    assert cancel.json == {"thread_id": thread_of(backend)}
    chat.check_reload()


def test_a_second_tab_shows_a_running_turn_and_stops_it(chat: Chat, other: Chat, backend: Backend) -> None:
    chat.open().send("slow")
    expect(chat.answer).to_contain_text("word2")
    other.open(thread_of(backend))
    expect(other.button("Stop")).to_be_visible()
    expect(other.button("Good response")).to_have_count(0)
    other.button("Stop").click()
    for tab in (chat, other):
        expect(tab.button("Send")).to_be_visible()
    assert chat.finished().screen() == other.finished().screen()


def test_a_running_turn_is_read_once_a_second(
    chat: Chat, profile: BrowserContext, gallery: Gallery, backend: Backend
) -> None:
    """The router alone decides when: the element reads when it is told to."""
    chat.open().send("slow")
    expect(chat.answer).to_contain_text("word2")
    assert profile.browser is not None
    # A clock that stands still does so in all pages of its profile.
    device = new_profile(profile.browser)
    with open_page(device) as page:
        page.clock.install()
        expect(Chat(page, gallery.url).open(thread_of(backend)).button("Stop")).to_be_visible()
        open_requests: set[Request] = set()
        page.on("request", lambda request: open_requests.add(request))
        page.on("requestfinished", lambda request: open_requests.discard(request))
        page.clock.pause_at(page.evaluate("Date.now() + 60_000"))
        page.wait_for_timeout(500)
        for _ in range(100):
            if not open_requests:
                break
            page.wait_for_timeout(200)
        before = len(backend.requests("threads.get_by_id"))
        for count in range(1, 6):
            with page.expect_response(lambda response: "get_by_id" in (response.request.post_data or "")):
                page.clock.run_for(1000)
            page.wait_for_timeout(200)
            assert len(backend.requests("threads.get_by_id")) == before + count
    device.close()
    chat.button("Stop").click()


def send_another(chat: Chat) -> str:
    chat.send("slow")
    return "threads.add_user_message"


def answer_once_more(chat: Chat) -> str:
    chat.button("Answer again").last.click()
    return "threads.retry_after_item"


@pytest.mark.parametrize("act", [send_another, answer_once_more])
def test_a_turn_whose_connection_is_lost_for_good_still_counts_as_running(
    chat: Chat, backend: Backend, act: Callable[[Chat], str]
) -> None:
    """All attempts fail, and the turn runs on the server: Stop, no thumbs, no error, and at the end the answer."""
    chat.open().send("slow")
    stop(chat)
    chat.finished()
    backend.faults = ["cut", "503", "503", "503", "503"]
    chat.page.clock.install()
    operation = act(chat)
    while len(backend.requests(operation)) < 5:
        chat.page.clock.run_for(2000)
    chat.page.clock.run_for(2000)
    chat.page.clock.resume()
    expect(chat.button("Stop")).to_be_visible()
    expect(chat.page.get_by_role("alert")).to_have_count(0)
    running = chat.page.locator(".turn").last
    expect(running.get_by_role("button", name="Good response")).to_have_count(0)
    chat.button("Stop").click()
    chat.check_reload()


def test_a_message_that_is_stopped_before_the_server_has_it_goes_back_into_the_composer(
    chat: Chat, backend: Backend
) -> None:
    backend.faults = ["503"] * 5
    chat.open().send("hello")
    chat.button("Stop").click()
    expect(chat.composer).to_have_value("hello")
    expect(chat.items("user_message")).to_have_count(0)


@pytest.mark.parametrize("fault", ["401", "429"])
def test_a_refused_message_stays_with_a_button_to_send_it_again(chat: Chat, backend: Backend, fault: str) -> None:
    chat.open().send("hello")
    chat.finished()
    backend.faults = [fault]
    chat.send("The words of a person")
    expect(chat.page.get_by_role("alert")).to_be_visible()
    expect(chat.items("user_message").last).to_contain_text("Not sent")
    chat.send("Another message")
    expect(chat.answer).to_have_text("You said: Another message")
    expect(chat.page.get_by_text("The words of a person", exact=True)).to_be_visible()
    chat.button("Retry").click()
    expect(chat.answer).to_have_text("You said: The words of a person")
    chat.check_reload()


def test_words_whose_requests_fail_are_in_the_composer_after_a_reload(chat: Chat, backend: Backend) -> None:
    backend.faults = ["503"] * 5
    chat.open()
    with chat.page.expect_response("**/chatkit/api"):
        chat.send("The words of a person")
    # The router notes the failure after the answer.
    chat.page.wait_for_timeout(200)
    chat.page.reload()
    expect(chat.composer).to_have_value("The words of a person")
    backend.faults.clear()
    chat.button("Send").click()
    expect(chat.answer).to_have_text("You said: The words of a person")
    chat.check_reload()


@pytest.mark.parametrize("fault", ["401", "413"])
def test_a_refused_message_keeps_its_files(chat: Chat, backend: Backend, fault: str) -> None:
    """In the thread until the page is loaded again, and in the composer afterwards."""
    chat.open()
    files = chat.page.locator("input[type=file]")
    files.set_input_files({"name": "note.txt", "mimeType": "text/plain", "buffer": b"hello file"})
    expect(chat.page.get_by_role("list", name="Attachments")).to_contain_text("10 B")
    backend.faults = [fault]
    chat.send("The words of a person")
    expect(chat.items("user_message")).to_contain_text("Not sent")
    expect(chat.items("user_message")).to_contain_text("note.txt")
    chat.page.reload()
    expect(chat.composer).to_have_value("The words of a person")
    expect(chat.page.get_by_role("list", name="Attachments")).to_contain_text("note.txt")
    chat.button("Send").click()
    expect(chat.answer).to_have_text("You said: The words of a person")
    first, again = (each.json["params"]["input"]["attachments"] for each in backend.requests("threads.create"))
    assert first == again == list(backend.store.attachments)
    chat.check_reload()


def test_tabs_of_one_thread_follow_each_other(chat: Chat, other: Chat, backend: Backend) -> None:
    chat.open().send("hello")
    chat.finished()
    other.open(thread_of(backend))
    expect(other.answer).to_have_text("You said: hello")
    chat.send("slow")
    expect(other.items("user_message").last).to_have_text("slow")
    expect(other.button("Stop")).to_be_visible()
    chat.button("Stop").click()
    expect(other.button("Send")).to_be_visible()
    other.send("and back")
    expect(chat.answer).to_have_text("You said: and back")
    assert chat.finished().screen() == other.finished().screen()


def is_gone(chat: Chat) -> None:
    """Check that a deleted thread looks as after a reload: an error, no items, and nothing that runs."""
    expect(chat.page.get_by_role("alert")).to_contain_text("There is no such thread.")
    expect(chat.button("Send")).to_be_visible()
    before = chat.screen()
    assert before["items"] == []
    chat.page.reload()
    expect(chat.page.get_by_role("alert")).to_contain_text("There is no such thread.")
    assert chat.screen() == before


def test_a_deleted_thread_whose_turn_another_tab_follows_shows_no_stop(
    chat: Chat, other: Chat, backend: Backend
) -> None:
    chat.open().send("slow")
    expect(chat.answer).to_contain_text("word2")
    other.open(thread_of(backend))
    expect(other.button("Stop")).to_be_visible()
    backend.store.threads.clear()
    is_gone(other)


def test_a_thread_that_one_tab_deletes_is_gone_in_the_other(chat: Chat, other: Chat, backend: Backend) -> None:
    chat.open().send("hello")
    chat.finished()
    other.open(thread_of(backend)).finished()
    chat.button("History").click()
    chat.page.get_by_role("button", name="Delete", exact=False).first.click()
    chat.page.get_by_role("alertdialog").get_by_role("button", name="Delete", exact=True).click()
    is_gone(other)


def test_words_for_a_deleted_thread_stay_and_begin_a_new_one(chat: Chat, backend: Backend) -> None:
    chat.open().send("hello")
    chat.finished()
    backend.store.threads.clear()
    backend.faults = ["404"]
    chat.send("The words of a person")
    # What the deleted thread held has gone, and the words have not.
    expect(chat.items("user_message").filter(has_text="The words of a person")).to_contain_text("Not sent")
    expect(chat.items("user_message")).to_have_count(1)
    chat.items("user_message").get_by_role("button", name="Retry").click()
    expect(chat.answer).to_have_text("You said: The words of a person")
    chat.check_reload()
