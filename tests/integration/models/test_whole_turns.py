"""Whole turns over HTTP with each provider: what is stored, what goes back in a later turn, what a failure shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_server import Answer, Cut, HttpError, ProviderServer, RawStream, Text

pytestmark = pytest.mark.anyio

STREAMS = Path(__file__).parent / "streams"
OpenThread = Callable[..., ChatKitClient]

RESPONSES = {"LLM_PROVIDER": "openai", "OPENAI_API_KEY": "sk-test"}
GEMINI = {"LLM_PROVIDER": "gemini", "GEMINI_API_KEY": "g-test"}
BOTH = pytest.mark.parametrize("names", [RESPONSES, GEMINI], ids=["responses", "chat"])


@pytest.fixture
async def open_thread(aws_environment: Aws, provider: ProviderServer) -> AsyncIterator[OpenThread]:
    opened: list[ChatKitClient] = []

    def make(**names: str) -> ChatKitClient:
        environment = aws_environment.environment(
            OPENAI_BASE_URL=provider.base_url,
            GEMINI_BASE_URL=provider.base_url,
            AGENT_FACTORY="tests.support.adding_agent:build_agent",
            # The provider's answers are for the turns alone.
            THREAD_TITLES="false",
            **names,
        )
        opened.append(ChatKitClient(client(create_app(Resources(load_settings(environment)), streaming=True))))
        return opened[-1]

    yield make
    for each in opened:
        await each.http.aclose()


@BOTH
async def test_three_turns_are_six_messages_each_with_an_id_of_its_own(
    open_thread: OpenThread, names: dict[str, str]
) -> None:
    thread = open_thread(**names)
    on_wire: list[dict[str, Any]] = []
    for text in ("I am Ada.", "I like tea.", "Who am I?"):
        await thread.say(text)
        on_wire += thread.done()
    stored = await thread.items()
    assert [item["type"] for item in stored] == ["user_message", "assistant_message"] * 3
    assert len({item["id"] for item in stored}) == 6
    assert [item["id"] for item in on_wire] == [item["id"] for item in stored]
    assert "3 things: I am Ada. / I like tea. / Who am I?" in thread.said()


async def test_a_thought_signature_goes_back_in_the_same_turn_and_in_a_later_one(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread(**GEMINI)
    calls = RawStream((STREAMS / "gemini_parallel_calls_without_index.sse").read_text())
    text = RawStream((STREAMS / "gemini_text.sse").read_text())
    provider.script(calls, text, text)
    await thread.say("1 + 2 and 30 + 4?")
    await thread.say("Thank you.")
    for body in agent_calls(provider)[1:]:
        made = [call for message in body["messages"] for call in message.get("tool_calls") or []]
        assert [call["extra_content"] for call in made[:1]] == [{"google": {"thought_signature": "EjQKMgEMOdbH"}}]
        outputs = [message["content"] for message in body["messages"] if message["role"] == "tool"]
        assert outputs == ["3", "34"]


def agent_calls(provider: ProviderServer) -> list[dict[str, Any]]:
    """Return the requests of the agent itself: the one for a title offers no tool."""
    return [body for body in provider.bodies if body.get("tools")]


@BOTH
async def test_an_answer_that_breaks_off_is_kept_and_its_error_allows_a_retry(
    open_thread: OpenThread, provider: ProviderServer, names: dict[str, str]
) -> None:
    thread = open_thread(**names)
    provider.script(Answer(Text("Half of the"), Cut()))
    await thread.say("Tell me everything.")
    (error,) = [event for event in thread.events if event["type"] == "error"]
    assert error["allow_retry"] is True
    assert "Half of the" in str(await thread.items())


async def test_the_fallback_answers_and_the_client_sees_no_error(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = open_thread(**RESPONSES, LLM_FALLBACK="demo")
    provider.script(HttpError(401), HttpError(401))
    assert "demo model" in await thread.say("Hello")
    assert not [event for event in thread.events if event["type"] == "error"]
