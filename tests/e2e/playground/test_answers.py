"""Answers as they stream: Markdown, sources, progress, notices, errors, retries, stopping."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.playground import items, widgets
from tests.e2e.playground.app import Gallery
from tests.e2e.playground.backend import Backend

if TYPE_CHECKING:
    from tests.support.chat_page import Chat


def test_an_answer_streams_as_markdown(chat: Chat) -> None:
    chat.open().send("markdown")
    answer = chat.answer
    expect(answer.get_by_role("heading", name="A heading")).to_be_visible()
    expect(answer.locator("strong")).to_have_text("bold")
    expect(answer.get_by_role("cell", name="Apples")).to_be_visible()
    expect(answer.locator("li input[type=checkbox]").first).to_be_checked()
    expect(answer.locator("pre code")).to_contain_text('return "world"')
    link = answer.get_by_role("link", name="link")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(link).to_have_attribute("target", "_blank")


def test_words_show_before_the_answer_is_whole(chat: Chat) -> None:
    chat.open().send("slow")
    expect(chat.answer).to_contain_text("word5")
    assert "word199" not in chat.answer.inner_text()
    expect(chat.button("Stop")).to_be_visible()
    chat.button("Stop").click()


def test_a_message_cannot_run_a_script_call_a_host_or_cover_the_page(chat: Chat) -> None:
    chat.open().send("hostile")
    expect(chat.answer).to_contain_text("over everything")
    answer = chat.answer
    expect(answer.get_by_text("plain")).to_be_visible()
    expect(answer.get_by_text("<script>window.hacked = 1</script>")).to_be_visible()
    assert chat.page.evaluate("window.hacked") is None
    assert answer.locator("script, form, iframe, img, [onclick], [onerror], [style]").count() == 0
    assert not any("javascript:" in (link.get_attribute("href") or "") for link in answer.locator("a").all())
    expect(answer.get_by_role("link", name="spy")).to_be_visible()


def test_a_picture_shows_only_from_hosts_that_the_thread_allows(chat: Chat, backend: Backend, gallery: Gallery) -> None:
    backend.files.content["sun"] = base64.b64decode(widgets.PICTURE.partition(",")[2])
    said = items.assistant("thr_seeded", f"![sun]({gallery.bucket_url}/sun) ![spy](https://evil.example/pixel.png)")
    chat.open(backend.seed(said, allowed_image_domains=["127.0.0.1"]))
    expect(chat.answer.get_by_role("img", name="sun")).to_have_attribute("src", f"{gallery.bucket_url}/sun")
    expect(chat.answer.get_by_role("link", name="spy")).to_be_visible()
    expect(chat.answer.locator("img")).to_have_count(1)


def test_sources_are_numbered_where_they_are_cited_and_listed_below(chat: Chat) -> None:
    chat.open().send("sources")
    answer = chat.answer
    expect(answer.get_by_role("list", name="Sources").get_by_role("listitem")).to_have_count(3)
    expect(answer.locator(".markdown")).to_have_text("🙂 Tomatoes are red1. Basil is green.2 Ask Zeeshan3.")
    answer.get_by_role("button", name="Source 1").click()
    expect(answer.get_by_role("note", name="Source")).to_contain_text("All of it.")
    expect(answer.get_by_role("note").get_by_role("link")).to_have_attribute("href", "https://example.com/tomatoes")


def test_an_entity_among_the_sources_shows_its_preview(chat: Chat) -> None:
    chat.open().send("sources")
    chat.answer.get_by_role("button", name="Zeeshan").hover()
    expect(chat.page.get_by_role("tooltip")).to_contain_text("id: employee-7")


def test_progress_shows_until_the_answer_begins(chat: Chat) -> None:
    chat.open().send("progress")
    expect(chat.page.get_by_text("Looking through the files")).to_be_visible()
    expect(chat.answer).to_contain_text("Found it.")
    expect(chat.page.get_by_text("Looking through the files")).to_have_count(0)


def test_notices_show_in_their_levels_and_go_when_dismissed(chat: Chat) -> None:
    chat.open().send("notice")
    for level, words in (("info", "Good to know"), ("warning", "Nine of ten"), ("danger", "The last warning.")):
        expect(chat.page.locator(f".notice.{level}")).to_contain_text(words)
    chat.page.locator(".notice.warning").get_by_role("button", name="Dismiss").click()
    expect(chat.page.locator(".notice.warning")).to_have_count(0)


def test_what_was_shown_can_be_taken_back_and_replaced(chat: Chat) -> None:
    chat.open().send("guard")
    expect(chat.answer).to_have_text("A secret.")
    expect(chat.answer).to_have_text("The final word.")
    expect(chat.items("assistant_message")).to_have_count(1)


def test_an_error_that_allows_it_offers_a_retry_of_the_message(chat: Chat, backend: Backend) -> None:
    chat.open().send("fail-once")
    expect(chat.page.get_by_role("alert")).to_contain_text("The model is resting.")
    chat.button("Retry").click()
    expect(chat.answer).to_have_text("The whole answer.")
    expect(chat.page.get_by_role("alert")).to_have_count(0)
    expect(chat.items("assistant_message")).to_have_count(1)
    [retry] = backend.requests("threads.retry_after_item")
    [user_message] = [item for item in next(iter(backend.store.items.values())).values() if item.type == "user_message"]
    assert retry.json["params"]["item_id"] == user_message.id


def test_an_error_that_is_final_offers_no_retry(chat: Chat) -> None:
    chat.open().send("fail-finally")
    expect(chat.page.get_by_role("alert")).to_contain_text("This cannot be done.")
    expect(chat.button("Retry")).to_have_count(0)


@pytest.mark.parametrize("fault", ["503", "html", "cut"])
def test_a_broken_answer_is_asked_for_again_with_the_same_body(chat: Chat, backend: Backend, fault: str) -> None:
    backend.faults = [fault]
    chat.open().send("hello there, tell me something of some length")
    expect(chat.answer).to_have_text("You said: hello there, tell me something of some length")
    expect(chat.items("user_message")).to_have_count(1)
    expect(chat.items("assistant_message")).to_have_count(1)
    first, second = backend.requests("threads.create")
    assert first.body == second.body
    header = "chatkit-frame-instance-id"
    assert first.headers[header] == second.headers[header]


def test_a_refusal_is_final_and_said_in_the_servers_words(chat: Chat, backend: Backend) -> None:
    backend.faults = ["429"]
    chat.open().send("hello")
    expect(chat.page.get_by_role("alert")).to_contain_text("You have used up today's tokens.")
    expect(chat.items("user_message")).to_have_count(1)
    assert len(backend.requests("threads.create")) == 1


def test_when_every_attempt_failed_the_user_may_try_again(chat: Chat, backend: Backend) -> None:
    backend.faults = ["503"] * 5
    chat.page.clock.install()
    chat.open().send("hello")
    chat.page.clock.run_for(1000)
    while len(backend.requests("threads.create")) < 5:
        chat.page.clock.run_for(2000)
    expect(chat.page.get_by_role("alert")).to_contain_text("Try again.")
    chat.page.clock.resume()
    chat.button("Retry").click()
    expect(chat.answer).to_have_text("You said: hello")
    expect(chat.items("user_message")).to_have_count(1)
    assert len({request.body for request in backend.requests("threads.create")}) == 1


def test_leaving_a_thread_while_it_answers_stops_nothing_on_the_server(chat: Chat, backend: Backend) -> None:
    chat.open().send("slow")
    expect(chat.answer).to_contain_text("word2")
    chat.button("New chat").click()
    expect(chat.items("assistant_message")).to_have_count(0)
    chat.send("hello")
    expect(chat.answer).to_have_text("You said: hello")
    assert backend.requests("/chatkit/api/cancel") == []


def test_stop_tells_the_server_and_keeps_what_came(chat: Chat, backend: Backend) -> None:
    chat.open().send("slow")
    expect(chat.answer).to_contain_text("word3")
    chat.button("Stop").click()
    expect(chat.button("Send")).to_be_visible()
    shown = chat.answer.inner_text()
    chat.page.wait_for_timeout(300)
    assert chat.answer.inner_text() == shown
    [cancel] = backend.requests("/chatkit/api/cancel")
    assert cancel.json == {"thread_id": next(iter(backend.store.threads))}
    chat.send("hello")
    expect(chat.answer).to_have_text("You said: hello")


def test_a_turn_that_must_not_be_stopped_offers_no_stop(chat: Chat) -> None:
    chat.open().send("unstoppable")
    expect(chat.answer).to_contain_text("word2")
    expect(chat.button("Stop")).to_have_count(0)
    expect(chat.answer).to_contain_text("word19")


def test_feedback_is_sent_shown_and_can_be_changed(chat: Chat, backend: Backend) -> None:
    chat.open().send("hello")
    for name in ("Good response", "Bad response"):
        # The button shows the vote before the backend has it.
        with chat.page.expect_response(lambda response: "items.feedback" in (response.request.post_data or "")):
            chat.button(name).click()
        expect(chat.button(name)).to_have_attribute("aria-pressed", "true")
    expect(chat.button("Bad response")).to_have_attribute("aria-pressed", "true")
    expect(chat.button("Good response")).to_have_attribute("aria-pressed", "false")
    answer = chat.answer.get_attribute("data-item-id")
    assert backend.feedback == [([answer], "positive"), ([answer], "negative")]


def test_answering_again_drops_the_old_answer(chat: Chat, backend: Backend) -> None:
    chat.open().send("hello")
    old = chat.answer.get_attribute("data-item-id")
    chat.button("Answer again").click()
    expect(chat.page.locator(f"[data-item-id={old}]")).to_have_count(0)
    expect(chat.answer).to_have_text("You said: hello")
    assert len(backend.requests("threads.retry_after_item")) == 1


def test_an_answer_can_be_copied(chat: Chat) -> None:
    chat.open().send("hello")
    chat.button("Copy").first.click()
    expect(chat.button("Copied")).to_be_visible()
    assert chat.page.evaluate("navigator.clipboard.readText()") == "You said: hello"
