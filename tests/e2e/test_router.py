"""The unmodified React package on the stand-in element, with the router: the screen beside what the table holds."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.browser import open_page
from tests.support.chat_page import Chat
from tests.support.stored import Stored, stored

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Request, Route

    from tests.support.frontend import Served

pytestmark = pytest.mark.exhaustive

TURN_MILLISECONDS = 60_000
STREAMS = re.compile(r"(threads\.create|threads\.add_user_message)")


@dataclass
class Person:
    """A user with a page open.

    Attributes:
        requests: What the page has sent to the stack.
    """

    served: Served
    page: Page
    user: str
    requests: list[Request]

    @property
    def chat(self) -> Chat:
        return Chat(self.page, self.served.url)

    def stored(self) -> Stored:
        return stored(self.served.server, self.user)

    def shown(self) -> list[tuple[str, str]]:
        """Return the messages on the screen, as the table's are returned."""
        items = self.page.locator("[data-item-type=user_message], [data-item-type=assistant_message]")
        kinds = "elements => elements.map(e => [e.dataset.itemType, e.innerText])"
        return [(kind, " ".join(text.split())) for kind, text in items.evaluate_all(kinds)]

    def waits_until(self, holds: Callable[[], bool], told: Callable[[], str]) -> None:
        """Wait until something holds, while the browser's events come in."""
        end = time.monotonic() + TURN_MILLISECONDS / 1000
        while not holds():
            assert time.monotonic() < end, told()
            self.page.wait_for_timeout(300)

    def sees_what_is_stored(self) -> Stored:
        """Wait until no turn runs and screen and table hold the same, and return what they hold."""

        def same() -> bool:
            held = self.stored()
            return not held.running and self.shown() == [(kind, " ".join(text.split())) for kind, text in held.messages]

        self.waits_until(same, lambda: f"{self.shown()} is shown, {self.stored()} is stored")
        return self.stored()

    def sent(self, part: str) -> list[Request]:
        """Return the requests whose operation or path holds a text."""
        return [each for each in self.requests if part in (each.post_data or "") or each.url.endswith(part)]


@pytest.fixture
def person(served: Served, profile: BrowserContext) -> Iterator[Person]:
    expect.set_options(timeout=TURN_MILLISECONDS)
    user = f"u{uuid.uuid4().hex[:10]}"
    with open_page(profile) as page:
        try:
            yield arrive(Person(served, page, user, []))
        finally:
            profile.set_offline(False)


def arrive(person: Person, url: str | None = None) -> Person:
    """Open the page as a signed-in user."""
    token = person.served.server.token(user=person.user)
    person.page.add_init_script(f"if (!sessionStorage.token) sessionStorage.token = '{token}'")
    person.page.on("request", lambda request: person.requests.append(request) if request.method == "POST" else None)
    Chat(person.page, url or person.served.url).open()
    return person


def say_a_little(person: Person) -> None:
    """Have a thread with one answer in it."""
    person.chat.send("!slow 3")
    expect(person.chat.answer).to_contain_text("word3")
    person.chat.finished()


def lose_the_answer(page: Page, times: int) -> None:
    """Let the server do the work, and lose its answer on the way, so often."""
    lost: list[str] = []

    def handle(route: Route) -> None:
        if STREAMS.search(route.request.post_data or "") and len(lost) < times:
            lost.append(route.request.url)
            route.fetch()
            route.fulfill(status=502, headers={"access-control-allow-origin": "*"})
        else:
            route.fallback()

    page.route("**/chatkit/api", handle)


def test_a_request_that_chatkit_sends_again_is_run_once_and_the_same_words_later_are_new(person: Person) -> None:
    lose_the_answer(person.page, times=2)
    person.chat.send("add task buy milk")
    expect(person.chat.answer).to_contain_text("buy milk")
    held = person.sees_what_is_stored()
    assert (held.tasks, held.turns) == (1, {"done": 1})
    attempts = person.sent("threads.create")
    assert len(attempts) == 3
    assert len({attempt.headers["idempotency-key"] for attempt in attempts}) == 1
    for count in (2, 3):
        person.chat.finished().send("add task buy milk")
        expect(person.chat.items("user_message")).to_have_count(count)
        assert person.sees_what_is_stored().tasks == count
    keys = {each.headers["idempotency-key"] for each in person.requests if "idempotency-key" in each.headers}
    assert len(keys) == 3


def test_stop_stops_on_the_server_and_the_screen_shows_what_is_stored(person: Person) -> None:
    person.chat.send("!slow 100")
    expect(person.chat.answer).to_contain_text("word4")
    person.chat.button("Stop").click()
    held = person.sees_what_is_stored()
    assert held.turns == {"stopped": 1}
    person.chat.finished()
    assert 4 <= len(held.messages[1][1].split()) < 60
    assert len(person.sent("/cancel")) == 1
    person.chat.send("!slow 100")
    expect(person.chat.items("assistant_message")).to_have_count(2)
    person.chat.button("Stop").click()
    assert person.sees_what_is_stored().turns == {"stopped": 2}
    person.page.reload()
    person.sees_what_is_stored()


def test_a_stop_before_the_first_event_stops_the_turn_that_comes(person: Person) -> None:
    person.chat.send("!slow 100")
    person.chat.button("Stop").click()
    person.waits_until(lambda: person.stored().turns == {"stopped": 1}, lambda: f"{person.stored()} is stored")
    assert len(person.sent("/cancel")) == 1
    # The element has not read the thread's id: the router opens the thread.
    assert person.sees_what_is_stored().messages[0] == ("user_message", "!slow 100")
    expect(person.chat.composer).to_have_value("")
    person.page.reload()
    person.sees_what_is_stored()


def test_a_message_right_after_stop_is_answered_in_full(person: Person) -> None:
    say_a_little(person)
    person.chat.send("!slow 100")
    expect(person.chat.answer).to_contain_text("word4")
    person.chat.button("Stop").click()
    person.chat.send("!slow 5")
    expect(person.chat.answer).to_contain_text("word5")
    assert person.sees_what_is_stored().turns == {"done": 2, "stopped": 1}


def leave_for_a_new_thread(person: Person) -> None:
    person.chat.button("New chat").click()


def leave_the_page(person: Person) -> None:
    person.page.goto(person.served.server.page_url)


def leave_by_unmount(person: Person) -> None:
    person.page.evaluate("document.querySelector('openai-chatkit').remove()")


@pytest.mark.parametrize("leave", [leave_for_a_new_thread, leave_the_page, leave_by_unmount])
def test_leaving_stops_nothing(person: Person, leave: Callable[[Person], None]) -> None:
    person.chat.send("!slow 30")
    expect(person.chat.answer).to_contain_text("word4")
    leave(person)
    person.waits_until(lambda: person.stored().turns == {"done": 1}, lambda: f"{person.stored()} is stored")
    assert len(person.stored().messages[1][1].split()) == 30
    assert person.sent("/cancel") == []


def test_a_reload_follows_the_answer_to_its_end(person: Person) -> None:
    person.chat.send("!slow 60")
    expect(person.chat.answer).to_contain_text("word4")
    person.page.reload()
    following = person.page.get_by_text("The assistant is still answering.")
    expect(following).to_be_visible()
    expect(person.chat.answer).to_contain_text("word60")
    expect(following).to_have_count(0)
    assert person.sees_what_is_stored().turns == {"done": 1}
    assert len(person.sent("threads.create")) == 1


def test_an_answer_can_be_stopped_after_a_reload(person: Person) -> None:
    person.chat.send("!slow 100")
    expect(person.chat.answer).to_contain_text("word4")
    person.page.reload()
    person.chat.button("Stop the answer").click()
    assert person.sees_what_is_stored().turns == {"stopped": 1}


@pytest.mark.parametrize("reaches_the_server", [True, False])
def test_a_message_that_was_on_its_way_at_a_reload_is_run_once(person: Person, reaches_the_server: bool) -> None:
    held_up: list[Route] = []

    def hold(route: Route) -> None:
        if not STREAMS.search(route.request.post_data or ""):
            route.fallback()
            return
        if reaches_the_server:
            route.fetch()
        held_up.append(route)

    person.page.route("**/chatkit/api", hold)
    person.chat.send("add task feed the heron")
    person.waits_until(lambda: len(held_up) == 1, lambda: "nothing was sent")
    person.page.unroute("**/chatkit/api")
    person.page.reload()
    expect(person.chat.answer).to_contain_text("feed the heron")
    held = person.sees_what_is_stored()
    assert (held.tasks, held.turns) == (1, {"done": 1})


def test_a_refused_token_is_renewed_once_and_the_request_repeated_once(person: Person) -> None:
    token = person.served.server.token(user=person.user)
    person.page.evaluate("token => { sessionStorage.token = 'expired'; sessionStorage.fresh = token }", token)
    person.chat.send("add task buy milk")
    expect(person.chat.answer).to_contain_text("buy milk")
    assert person.sees_what_is_stored().tasks == 1
    assert person.page.evaluate("sessionStorage.refreshes") == "1"


@pytest.mark.parametrize("signs_in_on_another_page", [False, True])
def test_words_that_a_401_refused_are_in_the_composer_again(person: Person, signs_in_on_another_page: bool) -> None:
    token = person.page.evaluate("sessionStorage.token")
    person.page.evaluate("sessionStorage.token = 'expired'")
    person.chat.send("add task buy milk")
    expect(person.page.get_by_role("alert")).to_be_visible()
    expect(person.chat.composer).to_have_value("add task buy milk")
    assert person.stored().messages == []
    person.page.evaluate("token => { sessionStorage.token = token }", token)
    if signs_in_on_another_page:
        person.page.reload()
        expect(person.chat.composer).to_have_value("add task buy milk")
    person.chat.composer.press("Enter")
    expect(person.chat.answer).to_contain_text("buy milk")
    person.chat.finished()
    # The stand-in also keeps the message in the thread, as one that was not sent.
    person.page.reload()
    assert person.sees_what_is_stored().tasks == 1
    expect(person.chat.composer).to_have_value("")


def test_a_page_that_cors_refuses_is_told_so_and_its_developer_what_to_set(
    served: Served, profile: BrowserContext
) -> None:
    expect.set_options(timeout=TURN_MILLISECONDS)
    with open_page(profile) as page:
        console: list[str] = []
        page.on("console", lambda message: console.append(message.text))
        person = arrive(Person(served, page, "stranger", []), served.stranger_url)
        person.chat.send("Good morning")
        expect(page.get_by_role("alert")).to_be_visible()
        told = [line for line in console if "chatkit-lambda-router" in line]
        assert told
        assert all(f"Add {served.stranger_url} to the backend's setting ALLOWED_ORIGINS" in line for line in told)
        assert len(told) == len(set(told)), "it is said once for each origin of the backend"
        expect(person.chat.items("user_message")).to_contain_text("Good morning")
    assert person.stored().messages == []


def test_two_tabs_of_a_thread_show_the_same_and_either_stops(person: Person, profile: BrowserContext) -> None:
    say_a_little(person)
    with open_page(profile) as page:
        other = arrive(Person(person.served, page, person.user, []))
        other.chat.button("History").click()
        page.get_by_role("region", name="History").locator(".history-open").first.click()
        expect(other.chat.answer).to_contain_text("word3")
        person.chat.send("!slow 40")
        expect(other.chat.items("user_message")).to_have_count(2)
        expect(other.chat.answer).to_contain_text("word4")
        assert other.sees_what_is_stored() == person.sees_what_is_stored()
        assert len(person.stored().messages[-1][1].split()) == 40
        other.chat.finished().send("!slow 100")
        expect(person.chat.items("user_message")).to_have_count(3)
        person.chat.button("Stop the answer").click()
        held = person.sees_what_is_stored()
        assert held == other.sees_what_is_stored()
        assert held.turns == {"done": 2, "stopped": 1}


def test_a_message_written_offline_goes_out_once_when_the_connection_is_back(person: Person) -> None:
    say_a_little(person)
    person.page.context.set_offline(True)
    person.chat.send("add task buy milk")
    expect(person.chat.items("user_message").last).to_contain_text("buy milk")
    person.page.wait_for_timeout(1000)
    assert person.stored().tasks == 0
    person.page.context.set_offline(False)
    expect(person.chat.answer).to_contain_text("buy milk")
    held = person.sees_what_is_stored()
    assert (held.tasks, held.turns) == (1, {"done": 2})


def test_a_message_stopped_while_offline_is_in_the_composer_again(person: Person) -> None:
    person.page.context.set_offline(True)
    person.chat.send("add task buy milk")
    person.chat.button("Stop").click()
    expect(person.chat.composer).to_have_value("add task buy milk")
    person.page.context.set_offline(False)
    assert person.stored().messages == []


def test_an_answer_that_is_lost_on_the_way_is_shown_in_full_when_the_connection_is_back(person: Person) -> None:
    person.chat.send("!slow 40")
    expect(person.chat.answer).to_contain_text("word4")
    person.page.context.set_offline(True)
    person.page.wait_for_timeout(1500)
    person.page.context.set_offline(False)
    expect(person.chat.answer).to_contain_text("word40")
    assert person.sees_what_is_stored().turns == {"done": 1}
