"""Threads: the list, opening, renaming, deleting, paging, and what a locked one allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.playground import items
from tests.e2e.playground.backend import Backend

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.support.chat_page import Chat


def history(chat: Chat) -> Locator:
    """Open the list of threads."""
    chat.button("History").click()
    return chat.page.get_by_role("region", name="History")


def test_a_thread_is_listed_and_open_again_after_a_reload(chat: Chat) -> None:
    chat.open().send("hello")
    expect(chat.page.get_by_role("heading", name="About hello")).to_be_visible()
    chat.page.reload()
    expect(chat.answer).to_have_text("You said: hello")
    chat.button("New chat").click()
    expect(chat.page.get_by_role("heading", name="What can I help with today?")).to_be_visible()
    history(chat).get_by_role("button", name="About hello").first.click()
    expect(chat.answer).to_have_text("You said: hello")


def test_the_second_message_goes_to_the_same_thread(chat: Chat, backend: Backend) -> None:
    chat.open().send("hello")
    expect(chat.answer).to_have_text("You said: hello")
    chat.send("again")
    expect(chat.answer).to_have_text("You said: again")
    assert len(backend.store.threads) == 1
    expect(chat.page.locator("[data-item-type]")).to_have_count(4)


def test_a_thread_is_renamed_and_deleted_from_the_list(chat: Chat, backend: Backend) -> None:
    chat.open(backend.seed(items.user("thr_seeded", "hi"), title="Old title"))
    panel = history(chat)
    chat.button("Rename Old title").click()
    panel.get_by_role("textbox", name="Title").fill("New title")
    panel.get_by_role("button", name="Save").click()
    expect(panel.get_by_text("New title")).to_be_visible()
    assert backend.store.threads["thr_seeded"].title == "New title"
    chat.button("Delete New title").click()
    panel.get_by_role("button", name="Delete", exact=True).click()
    expect(panel.get_by_text("No chats yet.")).to_be_visible()
    assert backend.store.threads == {}
    chat.button("Close history").click()
    expect(chat.page.get_by_role("heading", name="What can I help with today?")).to_be_visible()


def test_a_long_list_of_threads_comes_page_by_page(chat: Chat, backend: Backend) -> None:
    for number in range(25):
        backend.seed(thread_id=f"thr_{number}", title=f"Thread {number}")
    panel = history(chat.open())
    expect(panel.get_by_role("listitem")).to_have_count(20)
    expect(panel.get_by_role("listitem").first).to_contain_text("Thread 24")
    chat.button("Show more").click()
    expect(panel.get_by_role("listitem")).to_have_count(25)
    chat.page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def test_a_long_thread_opens_at_its_end_and_shows_older_items_on_the_way_up(chat: Chat, backend: Backend) -> None:
    lines = [items.assistant("thr_seeded", f"Line {number}\n\n" + "text\n\n" * 5) for number in range(70)]
    chat.open(backend.seed(*lines))
    expect(chat.page.get_by_text("Line 69", exact=True)).to_be_in_viewport()
    expect(chat.items("assistant_message")).to_have_count(30)
    chat.page.get_by_role("region", name="Conversation").hover()
    while chat.page.get_by_text("Line 0", exact=True).count() == 0:
        chat.page.mouse.wheel(0, -4000)
        chat.page.wait_for_timeout(50)
    expect(chat.items("assistant_message")).to_have_count(70)
    assert [text.split("\n")[0] for text in chat.items("assistant_message").all_inner_texts()] == [
        f"Line {number}" for number in range(70)
    ]


def test_a_locked_thread_takes_no_message_and_says_why(chat: Chat) -> None:
    chat.open().send("lock")
    expect(chat.page.get_by_text("An agent took over.")).to_be_visible()
    expect(chat.composer).to_have_count(0)
    chat.button("New chat").last.click()
    expect(chat.composer).to_be_visible()


def test_a_closed_thread_takes_no_message(chat: Chat) -> None:
    chat.open().send("close")
    expect(chat.page.get_by_text("This chat is closed.")).to_be_visible()
    expect(chat.composer).to_have_count(0)


def test_a_thread_that_does_not_exist_says_so(chat: Chat) -> None:
    chat.open("thr_unknown")
    expect(chat.page.get_by_role("alert")).to_contain_text("There is no such thread.")
