"""A workflow waits for the user's approval, and goes on in another process without a step made twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from assistant.models import close_clients
from tests.integration.workflows.conftest import OpenThread
from tests.integration.workflows.test_exports import APIS, sent, structured, texts
from tests.support.hosted_items import ASKED, BOUGHT, LISTED, stream_of
from tests.support.provider_server import Answer, HttpError, ProviderServer, Stall, Text
from tests.support.strict_client import StrictClient

pytestmark = pytest.mark.anyio


async def asked(open_thread: OpenThread, provider: ProviderServer, api: str = "responses") -> StrictClient:
    """Run the export to its approval, and return another process's client of the thread."""
    thread = open_thread("documents", api)
    provider.script(
        structured(more=True),
        structured(more=False),
        structured(title="A and B", verdict="equal"),
        Answer(Text("I would buy a lamp.")),
    )
    assert await thread.say("Compare A and B") == "I would buy a lamp."
    assert thread.of("error") == []
    there = open_thread("documents", api, of=thread)
    there.events = thread.events
    await close_clients()
    return there


async def cards(thread: StrictClient) -> list[dict[str, Any]]:
    """Return the cards that asked, the oldest first."""
    return [item for item in await thread.items() if item["type"] == "widget" and "status" in item["widget"]]


def status(card: dict[str, Any]) -> str:
    return str(card["widget"]["status"]["text"])


async def test_the_widget_is_shown_and_a_card_asks(open_thread: OpenThread, provider: ProviderServer) -> None:
    thread = await asked(open_thread, provider)
    comparison, card = [item for item in await thread.items() if item["type"] == "widget"]
    assert [child["value"] for child in comparison["widget"]["children"]] == ["A and B", "equal"]
    assert status(card) == "Needs your approval"
    assert "Shall I act on this? equal" in json.dumps(card["widget"])
    assert card["copy_text"] == "Approval request (Shall I act on this? equal): Needs your approval"
    assert len(provider.requests) == 4


async def test_an_approval_goes_on_in_another_process_without_repeating_a_step(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = await asked(open_thread, provider)
    (card,) = await cards(thread)
    provider.script(stream_of(LISTED, text="Done."))
    assert await thread.click(card, card["widget"]["confirm"]["action"]) == "Done."
    assert len(provider.requests) == 5
    assert texts(provider.bodies[4]) == ["Compare A and B"]
    (said,) = texts(provider.bodies[4], "assistant")
    outputs = ['{"more": true}', '{"more": false}', '{"title": "A and B", "verdict": "equal"}', "I would buy a lamp."]
    assert said.split("\n\n") == outputs, "each step before the approval, once"
    assert [status(card) for card in await cards(thread)] == ["Approved"]
    again = await thread.post(
        "threads.custom_action",
        thread_id=thread.thread_id,
        item_id=card["id"],
        action=card["widget"]["confirm"]["action"],
    )
    assert again.status_code == 404
    assert [item["type"] for item in await thread.items()].count("widget") == 2, "the widget is shown once"


@pytest.mark.parametrize("api", APIS)
async def test_a_rejection_takes_the_other_branch(open_thread: OpenThread, provider: ProviderServer, api: str) -> None:
    thread = await asked(open_thread, provider, api)
    (card,) = await cards(thread)
    provider.script(Answer(Text("Then I leave it.")))
    assert await thread.click(card, card["widget"]["cancel"]["action"]) == "Then I leave it."
    assert provider.bodies[4].get("tools") in (None, [])
    assert [status(card) for card in await cards(thread)] == ["Not approved"]


async def test_a_message_in_between_stays_out_of_the_steps_after_the_approval(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = await asked(open_thread, provider)
    (card,) = await cards(thread)
    provider.script(structured(more=False), structured(title="C", verdict="other"), Answer(Text("Nothing.")))
    await thread.say("And C?")
    provider.script(stream_of(LISTED, text="Done."))
    assert await thread.click(card, card["widget"]["confirm"]["action"]) == "Done."
    assert texts(provider.bodies[-1]) == ["Compare A and B"]


async def test_a_tool_that_asks_inside_a_step_is_approved_in_a_second_card(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = await asked(open_thread, provider)
    (card,) = await cards(thread)
    provider.script(stream_of(LISTED, ASKED))
    await thread.click(card, card["widget"]["confirm"]["action"])
    first, second = await cards(thread)
    assert (status(first), status(second)) == ("Approved", "Needs your approval")
    assert second["copy_text"] == "Buy (What: lamp): Needs your approval"
    there = open_thread("documents", of=thread)
    provider.script(stream_of(BOUGHT, text="I bought it."))
    assert await there.click(second, second["widget"]["confirm"]["action"]) == "I bought it."
    assert len(provider.requests) == 6
    approved = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}
    assert approved in sent(provider.bodies[-1])
    assert [status(card) for card in await cards(thread)] == ["Approved", "Approved"]


async def test_a_failure_after_the_approval_is_not_repeated(open_thread: OpenThread, provider: ProviderServer) -> None:
    thread = await asked(open_thread, provider)
    (card,) = await cards(thread)
    provider.script(*[HttpError(400)] * 20)
    await thread.click(card, card["widget"]["confirm"]["action"])
    assert len(thread.of("error")) == 1
    (card,) = await cards(thread)
    assert status(card) == "Approved, no result yet"


async def test_a_stop_in_the_middle_of_a_step_keeps_the_partial_answer(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread("customer_service")
    provider.script(structured(category="general"), Answer(Text("Hello.")))
    await thread.say("Hello")
    provider.script(structured(category="general"), Answer(Text("one two three"), Stall(30)))
    turn = asyncio.create_task(open_thread("customer_service", of=thread).say("Count"))
    await asyncio.to_thread(provider.stalled.wait)
    cancelled = await thread.http.post("/chatkit/api/cancel", json={"thread_id": thread.thread_id})
    assert cancelled.status_code == 200, cancelled.text
    await turn
    last = [item for item in await thread.items() if item["type"] == "assistant_message"][-1]
    assert last["content"][0]["text"] == "one two three"
    assert len(provider.requests) == 4
