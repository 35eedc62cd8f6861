"""The page on the real dev server: every part between the browser and the table is the shipped one."""

from __future__ import annotations

import re
import urllib.request
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import FilePayload, expect

from tests.support.browser import open_page
from tests.support.chat_page import Chat
from tests.support.dev import DevServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Request, Route

NOTE: FilePayload = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"The password is swordfish."}
# A model's turn through every part of the system, on a machine that does other things too.
TURN_MILLISECONDS = 60_000


def sent(chat: Chat) -> list[tuple[str, str]]:
    """Return, as they come, the host and the operation of every request to the protocol."""
    requests: list[tuple[str, str]] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/chatkit/api"):
            requests.append((request.url, re.findall(r'"type":"([a-z_.]+)"', request.post_data or "")[0]))

    chat.page.on("request", note)
    return requests


def test_it_names_the_provider_and_answers(chat: Chat, dev_server: DevServer) -> None:
    requests = sent(chat)
    expect(chat.page.get_by_text("demo", exact=True)).to_be_visible()
    chat.send("Good morning")
    expect(chat.answer).to_contain_text("Good morning")
    chat.button("History").click()
    expect(chat.page.get_by_role("region", name="History").get_by_role("listitem").first).to_be_visible()
    assert requests == [(dev_server.stream_url, "threads.create"), (dev_server.chat_url, "threads.list")]


def test_words_stream_and_stop_keeps_what_came(chat: Chat) -> None:
    chat.send("!slow 100")
    expect(chat.button("Stop")).to_be_visible()
    expect(chat.answer).to_contain_text(re.compile(r"(\S+\s+){4}"))
    with chat.page.expect_response(re.compile(r"/cancel$")) as cancelled:
        chat.button("Stop").click()
    assert cancelled.value.ok
    expect(chat.button("Send")).to_be_visible()
    assert 4 <= len(chat.answer.inner_text().split()) < 100
    chat.check_reload()


@pytest.mark.parametrize(
    "words",
    [
        "!fail 3",
        "!think about it",
        "!cite https://example.com/ An example",
        "!image a blue sky",
        "List my tasks",
        "employee 7",
        "!tool ask_about_problem {}",
        "!tool get_browser_info {}",
        "refund invoice 501 please",
    ],
)
def test_a_reload_shows_what_is_on_the_screen(chat: Chat, words: str) -> None:
    chat.send(words)
    expect(chat.items("user_message")).to_be_visible()
    chat.check_reload()


def test_a_second_tab_shows_what_runs_and_stops_it(chat: Chat, profile: BrowserContext, dev_server: DevServer) -> None:
    chat.send("!slow 200")
    expect(chat.answer).to_contain_text(re.compile(r"(\S+\s+){4}"))
    with open_page(profile) as page:
        other = Chat(page, chat.url).open(chat.page.url.partition("thread=")[2])
        expect(other.button("Stop")).to_be_visible()
        expect(other.button("Good response")).to_have_count(0)
        other.button("Stop").click()
        for tab in (chat, other):
            expect(tab.button("Send")).to_be_visible()
        assert chat.finished().screen() == other.finished().screen()


def test_a_reload_in_the_middle_of_an_answer_follows_it_to_its_end(chat: Chat) -> None:
    chat.send("!slow 60")
    expect(chat.answer).to_contain_text(re.compile(r"(\S+\s+){4}"))
    chat.page.reload()
    expect(chat.answer).to_contain_text(re.compile(r"(\S+\s+){59}\S+"))
    expect(chat.items("user_message")).to_have_count(1)
    expect(chat.items("assistant_message")).to_have_count(1)
    # The last word comes before the turn's end, and the next message waits for that.
    expect(chat.button("Send")).to_be_visible()
    chat.send("And now?")
    expect(chat.answer).to_contain_text("And now?")


def test_a_thread_and_its_answer_are_there_after_a_reload(chat: Chat) -> None:
    chat.send("The milk of today")
    expect(chat.answer).to_contain_text("The milk of today")
    expect(chat.button("Answer again")).to_be_visible()
    answer = chat.answer.inner_text()
    chat.page.reload()
    expect(chat.answer).to_have_text(answer)
    chat.button("New chat").click()
    chat.button("History").click()
    chat.page.get_by_role("region", name="History").locator(".history-open").first.click()
    expect(chat.answer).to_have_text(answer)


def test_a_task_is_added_in_its_list_and_completed_by_a_click(chat: Chat) -> None:
    chat.send("List my tasks")
    tasks = chat.items("widget").last
    tasks.get_by_placeholder("New task").fill("Polish the silver")
    tasks.get_by_role("button", name="Add").click()
    row = tasks.locator(".w-list-item").filter(has_text="Polish the silver")
    expect(row).to_be_visible()
    row.get_by_role("button").first.click()
    expect(row.locator("p").filter(has_text="Polish the silver")).to_have_css("text-decoration-line", "line-through")
    chat.page.reload()
    expect(row.locator("p").filter(has_text="Polish the silver")).to_have_css("text-decoration-line", "line-through")


@pytest.mark.parametrize("strategy", ["direct", "two_phase"])
def test_a_file_goes_up_and_comes_back_with_its_message(chat: Chat, strategy: str) -> None:
    chat.page.get_by_label("Upload").select_option(strategy)
    chat.page.locator("input[type=file]").set_input_files(NOTE)
    expect(chat.page.get_by_role("list", name="Attachments")).to_contain_text("26 B")
    chat.send("Here is a note")
    expect(chat.items("user_message")).to_contain_text("note.txt")
    expect(chat.answer).to_be_visible()
    expect(chat.button("Answer again")).to_be_visible()
    chat.page.reload()
    with chat.page.expect_response(re.compile(r"/chatkit/api/attachments/")) as answer, chat.page.context.expect_page():
        chat.items("user_message").get_by_role("button", name="note.txt").click()
    assert urllib.request.urlopen(answer.value.json()["url"]).read() == NOTE["buffer"]


def test_an_employee_is_mentioned_previewed_and_understood(chat: Chat) -> None:
    chat.composer.press_sequentially("Who is @zee")
    chat.page.get_by_role("option", name="Zeeshan").click()
    chat.page.wait_for_timeout(100)
    chat.composer.press("Enter")
    mention = chat.items("user_message").get_by_role("button", name="@Zeeshan")
    mention.hover()
    expect(chat.page.get_by_role("tooltip")).to_contain_text("Employee 7")
    expect(chat.answer).to_be_visible()


def test_reasoning_shows_as_a_workflow_and_a_picture_as_a_picture(chat: Chat) -> None:
    chat.send("!think about it")
    expect(chat.items("workflow")).to_be_visible()
    expect(chat.button("Answer again")).to_be_visible()
    chat.send("!image a blue sky")
    picture = chat.items("generated_image").get_by_role("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 1


def test_a_failed_answer_is_retried_from_its_error(chat: Chat) -> None:
    chat.send("!fail 3")
    expect(chat.page.get_by_role("alert")).to_be_visible()
    chat.button("Retry").click()
    expect(chat.page.get_by_text("The new answer is incomplete because of an error.")).to_be_visible()
    expect(chat.items("user_message")).to_have_count(1)
    expect(chat.page.get_by_role("alert")).to_be_visible()
    chat.check_reload()


def test_on_chat_too_a_running_turn_shows_stop_and_no_thumbs(chat: Chat) -> None:
    """This endpoint sends all events in one answer, at the turn's end."""
    chat.page.get_by_label("Endpoint").select_option("chat")
    chat.send("Good evening").finished()
    chat.send("!slow 60")
    for again in (False, True):
        if again:
            chat.page.reload()
            expect(chat.items("user_message")).to_have_count(2)
        expect(chat.button("Stop")).to_be_visible()
        expect(chat.button("Good response")).to_have_count(1)
    expect(chat.answer).to_contain_text("word60")
    chat.check_reload()


def test_a_reload_before_the_threads_id_is_known_leads_to_the_thread(chat: Chat) -> None:
    held_up: list[Route] = []

    def hold(route: Route) -> None:
        if "threads.create" in (route.request.post_data or ""):
            route.fetch()
            held_up.append(route)
        else:
            route.fallback()

    chat.page.route("**/chatkit/api", hold)
    chat.send("!slow 5")
    expect(chat.button("Stop")).to_be_visible()
    expect(chat.button("Good response")).to_have_count(0)
    while not held_up:
        chat.page.wait_for_timeout(100)
    chat.page.unroute("**/chatkit/api")
    chat.page.reload()
    expect(chat.answer).to_contain_text("word5")
    expect(chat.items("user_message")).to_have_count(1)
    chat.check_reload()


# Send the words in the composer and press Stop as soon as there is one: no answer can come in between.
STOP_AT_ONCE = """async () => {
  const root = document.querySelector("openai-chatkit").shadowRoot;
  root.querySelector("form.composer").requestSubmit();
  while (!root.querySelector(".send.stop")) await new Promise((resolve) => setTimeout(resolve));
  root.querySelector(".send.stop").click();
}"""


def stop_at_once(chat: Chat, words: str) -> list[Route]:
    """Stop a first message while its request is held up; return the request when the server knows of the Stop."""
    held_up: list[Route] = []

    def hold(route: Route) -> None:
        if "threads.create" in (route.request.post_data or ""):
            held_up.append(route)
        else:
            route.fallback()

    chat.page.route("**/chatkit/api", hold)
    chat.composer.fill(words)
    with chat.page.expect_response(re.compile(r"/cancel$")):
        chat.page.evaluate(STOP_AT_ONCE)
    assert len(held_up) == 1
    return held_up


def test_a_stop_before_the_threads_id_is_known_leads_to_the_thread(chat: Chat) -> None:
    [request] = stop_at_once(chat, "!slow 100")
    request.continue_()
    expect(chat.items("user_message")).to_have_text("!slow 100")
    expect(chat.composer).to_have_value("")
    chat.check_reload()


def test_a_stop_of_a_message_that_the_server_never_gets_gives_the_words_back(chat: Chat) -> None:
    [request] = stop_at_once(chat, "!slow 100")
    request.abort()
    expect(chat.composer).to_have_value("!slow 100")
    expect(chat.items("user_message")).to_have_count(0)


def test_a_stop_without_a_connection_gives_the_words_back_at_once(chat: Chat) -> None:
    chat.send("!slow 1")
    chat.finished()
    chat.page.context.set_offline(True)
    try:
        chat.send("!slow 100")
        chat.button("Stop").click()
        expect(chat.composer).to_have_value("!slow 100")
        expect(chat.items("user_message")).to_have_count(1)
    finally:
        chat.page.context.set_offline(False)


def test_another_caller_has_other_threads(chat: Chat, dev_server: DevServer) -> None:
    chat.send("A guest was here")
    expect(chat.button("Answer again")).to_be_visible()
    chat.page.get_by_label("Token").fill(dev_server.token(user="somebody-new"))
    chat.page.get_by_label("Token").press("Enter")
    expect(chat.page.get_by_role("heading", name="What can I help with today?")).to_be_visible()
    chat.button("History").click()
    expect(chat.page.get_by_text("No chats yet.")).to_be_visible()


def test_a_token_that_is_no_token_is_told_so(chat: Chat) -> None:
    chat.page.get_by_label("Token").fill("not.a.token")
    chat.page.get_by_label("Token").press("Enter")
    chat.send("hello")
    expect(chat.page.get_by_role("alert")).to_be_visible()
    expect(chat.items("assistant_message")).to_have_count(0)


def test_a_refund_waits_for_approval_and_goes_on_after_it(chat: Chat, dev_server: DevServer) -> None:
    chat.page.get_by_label("Token").fill(dev_server.token(user="boss", tenant="ferns", role="admin"))
    chat.page.get_by_label("Token").press("Enter")
    chat.send("refund invoice 501 please")
    expect(chat.items("widget")).to_contain_text(re.compile(r"\d+\.\d\d EUR will be paid back for order \d+"))
    chat.items("widget").get_by_role("button", name="Approve").click()
    expect(chat.answer).to_contain_text("501")
    expect(chat.items("widget").get_by_role("button", name="Approve")).to_have_count(0)


def test_the_backend_speaks_the_language_of_the_browser(profile: BrowserContext, dev_server: DevServer) -> None:
    assert profile.browser is not None
    german = profile.browser.new_context(locale="de-DE")
    with open_page(german) as page:
        page.goto(dev_server.page_url)
        page.get_by_label("Token").fill(dev_server.token(user="boss", tenant="oaks", role="admin"))
        page.get_by_label("Token").press("Enter")
        composer = page.get_by_role("textbox", name="Nachricht")
        composer.fill("refund invoice 501 please")
        composer.press("Enter")
        card = page.locator("[data-item-type=widget]")
        expect(card.get_by_role("button", name="Zustimmen")).to_be_visible(timeout=TURN_MILLISECONDS)
        composer.fill("!fail 3")
        composer.press("Enter")
        expect(page.get_by_text("Diese Antwort ist wegen eines Fehlers unvollständig.")).to_be_visible()
    german.close()


def test_questions_of_the_assistant_are_answered(chat: Chat) -> None:
    chat.send("!tool ask_about_problem {}")
    form = chat.items("structured_input")
    form.get_by_label("What is wrong?").fill("The lamp stays dark")
    form.get_by_role("radio", name="Today").check()
    form.get_by_role("button", name="Submit").click()
    expect(form.get_by_role("definition").first).to_have_text("The lamp stays dark")
    expect(chat.answer).to_be_visible()


def test_the_browser_answers_a_tool_of_the_assistant(chat: Chat) -> None:
    chat.send("!tool get_browser_info {}")
    expect(chat.items("client_tool_call")).to_contain_text("Ran get_browser_info in this page")
    expect(chat.answer).to_contain_text("time_zone")


def test_the_switch_sends_everything_to_the_chat_endpoint(chat: Chat, dev_server: DevServer) -> None:
    requests = sent(chat)
    chat.page.get_by_label("Endpoint").select_option("chat")
    chat.send("Good evening")
    expect(chat.answer).to_contain_text("Good evening")
    assert requests == [(dev_server.chat_url, "threads.create")]


def test_the_chosen_look_and_endpoint_last_over_a_reload(chat: Chat) -> None:
    chat.button("Dark mode").click()
    chat.page.get_by_label("Endpoint").select_option("chat")
    chat.page.reload()
    expect(chat.page.locator("openai-chatkit")).to_have_attribute("data-theme", "dark")
    expect(chat.page.get_by_label("Endpoint")).to_have_value("chat")
