"""Calls of a remote MCP server at OpenAI that a user must approve: asked on a card, made once, never after a Reject."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from assistant.api import create_app
from assistant.aws import Table
from assistant.context import Resources
from assistant.models import close_clients
from assistant.settings import Settings, load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.hosted_items import ASKED, BOUGHT, LISTED, REASONED, stream_of
from tests.support.provider_server import HttpError, ProviderServer
from tests.support.strict_provider import check

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(aws_environment: Aws, provider: ProviderServer) -> Settings:
    return load_settings(
        aws_environment.environment(
            AGENT_FACTORY="tests.support.remote_agent:build_agent",
            THREAD_TITLES="false",
            LLM_PROVIDER="openai",
            OPENAI_API_KEY="sk-test",
            OPENAI_BASE_URL=provider.base_url,
        )
    )


def app_client(settings: Settings) -> ChatKitClient:
    return ChatKitClient(client(create_app(Resources(settings), streaming=True)))


@pytest.fixture
async def thread(settings: Settings, provider: ProviderServer) -> AsyncIterator[ChatKitClient]:
    """A thread in which a card asks. Another process gets the click."""
    provider.script(stream_of(LISTED, REASONED, ASKED))
    asked = app_client(settings)
    await asked.say("Buy a lamp")
    await asked.http.aclose()
    await close_clients()
    there = app_client(settings)
    there.thread_id, there.events = asked.thread_id, asked.events
    yield there
    for request in provider.requests:
        check(request.body)
    await there.http.aclose()


def status(card: dict[str, Any]) -> str:
    return str(card["widget"]["status"]["text"])


async def card_of(thread: ChatKitClient) -> dict[str, Any]:
    (card,) = [item for item in await thread.items() if item["type"] == "widget"]
    return card


def kinds(body: dict[str, Any]) -> list[str]:
    return [item.get("type", item.get("role")) for item in body["input"]]


async def test_a_card_asks_with_the_calls_name_and_arguments(thread: ChatKitClient) -> None:
    assert [event for event in thread.events if event["type"] == "error"] == []
    card = await card_of(thread)
    assert card["copy_text"] == "Buy (What: lamp): Needs your approval"
    assert "shop" in str(card["widget"])
    assert card["widget"]["confirm"]["action"]["payload"]["call_id"] == "mcpr_1"


async def test_an_approved_call_is_made_once_and_the_next_turn_knows_it(
    thread: ChatKitClient, provider: ProviderServer
) -> None:
    card = await card_of(thread)
    provider.script(stream_of(BOUGHT, text="I bought it."))
    assert await thread.click(card, card["widget"]["confirm"]["action"]) == "I bought it."
    sent = provider.bodies[-1]["input"]
    assert {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True} in sent
    assert status(await card_of(thread)) == "Approved"

    clicked = await thread.post(
        "threads.custom_action",
        thread_id=thread.thread_id,
        item_id=card["id"],
        action=card["widget"]["confirm"]["action"],
    )
    assert clicked.status_code == 404
    assert len(provider.requests) == 2

    await thread.say("Thanks")
    replayed = provider.bodies[-1]["input"]
    hosted = [item for item in replayed if str(item.get("type")).startswith(("mcp", "reasoning"))]
    assert [item["type"] for item in hosted] == [
        "mcp_list_tools",
        "reasoning",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
    ]
    assert hosted[-1]["output"] == "one lamp bought"
    assert kinds(provider.bodies[-1]).index("mcp_call") < len(replayed) - 2, "the call comes before the answer"


async def test_a_rejected_call_is_never_approved(thread: ChatKitClient, provider: ProviderServer) -> None:
    card = await card_of(thread)
    await thread.click(card, card["widget"]["cancel"]["action"])
    await thread.say("Thanks")
    for body in provider.bodies[1:]:
        (response,) = [item for item in body["input"] if item.get("type") == "mcp_approval_response"]
        assert response["approve"] is False
        assert "did not approve" in response["reason"]
    assert status(await card_of(thread)) == "Not approved"


async def test_a_message_in_place_of_an_answer_sends_no_open_request(
    thread: ChatKitClient, provider: ProviderServer
) -> None:
    await thread.say("Something else")
    assert [kind for kind in kinds(provider.bodies[-1]) if "approval" in kind] == []
    card = await card_of(thread)
    provider.script(stream_of(BOUGHT, text="I bought it."))
    assert await thread.click(card, card["widget"]["confirm"]["action"]) == "I bought it."


@pytest.mark.parametrize("reply", [HttpError(500), stream_of(cut=True)], ids=["error", "cut"])
async def test_an_approved_call_with_an_unknown_outcome_is_not_made_again(
    thread: ChatKitClient, provider: ProviderServer, reply: Any
) -> None:
    card = await card_of(thread)
    provider.script(reply)
    await thread.click(card, card["widget"]["confirm"]["action"])
    assert [event["type"] for event in thread.events if event["type"] == "error"] == ["error"]
    assert len(provider.requests) == 2
    assert status(await card_of(thread)) == "Approved, no result yet"
    await thread.say("Did you?")
    assert [kind for kind in kinds(provider.bodies[-1]) if "approval" in kind] == []
    assert "outcome is not known" in str(provider.bodies[-1]["input"])


@pytest.mark.parametrize("table_seconds", [0.0, 0.3])
async def test_a_call_that_the_provider_has_made_is_known_although_its_answer_was_cut(
    thread: ChatKitClient, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, table_seconds: float
) -> None:
    call = Table._call

    async def slow(*given: Any) -> Any:
        # The cut comes while the turn waits for the table.
        await asyncio.sleep(table_seconds)
        return await call(*given)

    monkeypatch.setattr(Table, "_call", slow)
    card = await card_of(thread)
    provider.script(stream_of(BOUGHT, cut=True))
    await thread.click(card, card["widget"]["confirm"]["action"])
    assert status(await card_of(thread)) == "Approved"
    await thread.say("Did you?")
    assert "one lamp bought" in str(provider.bodies[-1]["input"])


async def test_a_request_that_the_provider_did_not_take_is_sent_again(
    thread: ChatKitClient, provider: ProviderServer
) -> None:
    card = await card_of(thread)
    provider.script(HttpError(429), stream_of(BOUGHT, text="I bought it."))
    assert await thread.click(card, card["widget"]["confirm"]["action"]) == "I bought it."
