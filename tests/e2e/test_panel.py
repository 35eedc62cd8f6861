"""The developer's panel on the real dev server: who I am, what was sent, what is stored, and what fails."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from local.panel import is_open
from local.tokens import AUDIENCE
from tests.support.chat_page import Chat
from tests.support.dev import DevServer

if TYPE_CHECKING:
    from playwright.sync_api import Locator


@pytest.fixture
def chat(chat: Chat) -> Chat:
    """The same page with its panel open."""
    chat.button("Panel").click()
    return chat


def section(chat: Chat, name: str) -> Locator:
    """Return a section of the panel, unfolded."""
    found = chat.page.locator("#panel > details").filter(has=chat.page.get_by_text(name, exact=True))
    if found.get_attribute("open") is None:
        found.locator("summary").first.click()
    return found


def test_two_clicks_make_another_user(chat: Chat) -> None:
    you = section(chat, "You")
    expect(you).to_contain_text("guest")
    you.get_by_role("button", name="boss (admin)").click()
    expect(you.locator("dl")).to_contain_text("acme")
    chat.send("refund invoice 501 please")
    chat.items("widget").get_by_role("button", name="Approve").click()
    expect(chat.answer).to_contain_text("501")
    you.get_by_role("button", name="Guest").click()
    expect(chat.page.get_by_role("heading", name="What can I help with today?")).to_be_visible()


def test_it_shows_what_was_sent_stored_and_told(chat: Chat) -> None:
    chat.send("!say The heron is fed").finished()
    answer = section(chat, "Last answer")
    expect(answer).to_contain_text("demo")
    timed = dict(zip(answer.locator("dt").all_inner_texts(), answer.locator("dd").all_inner_texts(), strict=True))
    for moment in ("First event", "First word", "Last event"):
        assert re.fullmatch(r"\d+ ms", timed[moment])
    expect(answer.get_by_role("list", name="Events").get_by_role("listitem").first).to_contain_text(" ms")
    expect(answer.get_by_role("list", name="Events")).to_contain_text("thread.item.done")
    answer.get_by_role("button", name="Copy as curl").click()
    command = chat.page.evaluate("navigator.clipboard.readText()")
    assert command.startswith("curl -N 'http://127.0.0.1:")
    assert "idempotency-key" in command
    stored = section(chat, "Stored and shown")
    stored.get_by_role("button", name="Look").click()
    for side in stored.locator("pre").all():
        expect(side).to_contain_text("The heron is fed")
    story = section(chat, "Last turn")
    story.get_by_role("button", name="Look").click()
    calls = story.get_by_role("list", name="Calls")
    expect(calls).to_contain_text("DynamoDB TransactWriteItems")
    expect(calls).to_contain_text("demo")
    facts = dict(zip(story.locator("dt").all_inner_texts(), story.locator("dd").all_inner_texts(), strict=True))
    assert (facts["Outcome"], facts["Model"], facts["Price"]) == ("done", "demo: demo", "$0")
    assert re.fullmatch(r"\d+ read, \d+ written", facts["Tokens"])
    # The claim and the end; a slower turn also writes checkpoints.
    trips = re.fullmatch(r"(\d+) to the table, 0 to the bucket", facts["Round trips"])
    assert trips
    assert int(trips[1]) >= 2
    usage = section(chat, "Usage and limits")
    usage.get_by_role("button", name="Look").click()
    expect(usage.locator("pre")).to_contain_text("turns")


def test_a_command_is_written_into_the_composer(chat: Chat) -> None:
    commands = section(chat, "Demo commands")
    commands.get_by_label("Command").select_option("!think")
    commands.get_by_role("button", name="Write it").click()
    expect(chat.composer).to_have_value("!think about the weather")
    expect(chat.composer).to_be_focused()


@pytest.mark.parametrize("failure", ["401", "429"])
def test_a_failure_shows_what_a_frontend_does(chat: Chat, failure: str) -> None:
    section(chat, "Failures").get_by_role("combobox").select_option(failure)
    chat.send("The words of a person")
    expect(chat.page.get_by_role("alert").filter(has_text=failure)).to_be_visible()
    expect(chat.items("user_message")).to_contain_text("Not sent")
    section(chat, "Failures").get_by_role("combobox").select_option("none")
    chat.button("Retry").click()
    expect(chat.answer).to_contain_text("The words of a person")


def test_a_cut_connection_ends_in_the_whole_answer(chat: Chat) -> None:
    section(chat, "Failures").get_by_role("combobox").select_option("cut")
    chat.send("!slow 10")
    expect(chat.button("Stop")).to_be_visible()
    chat.page.wait_for_timeout(700)
    section(chat, "Failures").get_by_role("combobox").select_option("none")
    expect(chat.answer).to_contain_text("word10")
    chat.check_reload()


def test_only_the_page_itself_may_ask(dev_server: DevServer) -> None:
    body = json.dumps({"user": "ann", "tenant": "acme", "role": "admin"}).encode()
    request = urllib.request.Request(f"{dev_server.page_url}panel/token", body, {"content-type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403


def test_it_is_not_served_to_other_machines_nor_with_tokens_of_another_issuer() -> None:
    assert is_open({"AUTH_AUDIENCE": AUDIENCE})
    assert not is_open({"AUTH_AUDIENCE": AUDIENCE, "HOST": "0.0.0.0"})  # noqa: S104 - compared, not bound
    assert not is_open({"AUTH_AUDIENCE": "an-app-of-ours"})
