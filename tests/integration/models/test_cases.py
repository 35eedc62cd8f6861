"""Small inputs from public reports, as whole turns of the sample's agents on a server as strict as any."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_formats import Json
from tests.support.provider_server import Answer, HttpError, ProviderServer, RawStream, Reply, Text, ToolCall
from tests.support.strict_provider import Refused, check

pytestmark = pytest.mark.anyio

RESPONSES = {"LLM_PROVIDER": "openai", "OPENAI_API_KEY": "sk-test", "THREAD_TITLES": "false"}
CHAT = {**RESPONSES, "OPENAI_API": "chat_completions"}
BOTH = pytest.mark.parametrize("names", [RESPONSES, CHAT], ids=["responses", "chat"])
OpenThread = Callable[..., ChatKitClient]
DONE = "data: [DONE]\n\n"
FINE = Answer(Text("Done."))


@pytest.fixture
async def open_thread(aws_environment: Aws, provider: ProviderServer) -> AsyncIterator[OpenThread]:
    opened: list[ChatKitClient] = []

    def make(**names: str) -> ChatKitClient:
        settings = load_settings(aws_environment.environment(OPENAI_BASE_URL=provider.base_url, **names))
        opened.append(ChatKitClient(client(create_app(Resources(settings), streaming=True))))
        return opened[-1]

    yield make
    for each in opened:
        await each.http.aclose()


def hand(call_id: str = "h:0") -> Answer:
    return Answer(ToolCall("transfer_to_tasks", call_id=call_id))


def add(title: str, call_id: str = "add_task:0") -> Answer:
    return Answer(ToolCall("add_task", {"title": title}, call_id=call_id))


def strictly(reply: Reply) -> Callable[[Json], Reply]:
    """Return a reply for a valid history. Another history is refused."""

    def answer(body: Json) -> Reply:
        try:
            check(body)
        except Refused as error:
            return HttpError(400, message=str(error))
        return reply

    return answer


def errors(thread: ChatKitClient) -> list[Any]:
    return [event for event in thread.events if event["type"] == "error"]


def made(body: Json) -> list[tuple[str, str]]:
    """Return each call of `add_task` in a request: its title, and the result that has its id."""
    if "input" in body:
        calls = {item["call_id"]: item for item in body["input"] if item.get("type") == "function_call"}
        results = {i["call_id"]: i["output"] for i in body["input"] if i.get("type") == "function_call_output"}
        named = {call_id: (item["name"], item["arguments"]) for call_id, item in calls.items()}
    else:
        every = [call for message in body["messages"] for call in message.get("tool_calls") or []]
        named = {call["id"]: (call["function"]["name"], call["function"]["arguments"]) for call in every}
        assert len(named) == len(every)
        results = {m["tool_call_id"]: m["content"] for m in body["messages"] if m["role"] == "tool"}
    return [
        (json.loads(arguments)["title"], json.dumps(results[call_id]))
        for call_id, (name, arguments) in named.items()
        if name == "add_task"
    ]


def titles(body: Json) -> list[str]:
    found = made(body)
    assert all(title in result for title, result in found)
    return [title for title, _ in found]


@BOTH
async def test_one_id_in_two_turns_is_two_calls(
    open_thread: OpenThread, provider: ProviderServer, names: dict[str, str]
) -> None:
    thread = open_thread(**names)
    provider.script(hand(), add("bread"), strictly(FINE))
    await thread.say("Add bread")
    provider.script(hand(), add("eggs"), strictly(FINE))
    await thread.say("Add eggs")
    assert errors(thread) == []
    assert titles(provider.bodies[-1]) == ["bread", "eggs"]


@BOTH
async def test_one_id_for_a_handoff_and_the_tools_after_it_is_three_calls(
    open_thread: OpenThread, provider: ProviderServer, names: dict[str, str]
) -> None:
    thread = open_thread(**names)
    provider.script(hand("same"), add("bread", "same"), add("bread", "same"), strictly(FINE))
    assert "Done." in await thread.say("Add bread twice")
    assert errors(thread) == []
    assert titles(provider.bodies[-1]) == ["bread", "bread"]
    results = [result for _, result in made(provider.bodies[-1])]
    assert results[0] != results[1], "the tool ran twice"


@BOTH
async def test_a_call_that_the_length_limit_cuts_is_not_run_and_the_thread_goes_on(
    open_thread: OpenThread, provider: ProviderServer, names: dict[str, str]
) -> None:
    thread = open_thread(**names)
    cut = Answer(ToolCall("add_task", raw='{"title": "buy mi'), finish_reason="length")
    provider.script(hand(), cut)
    await thread.say("Add milk")
    assert "length limit" in errors(thread)[0]["message"]
    provider.script(strictly(FINE))
    assert "Done." in await thread.say("Hi")
    assert errors(thread) == []
    assert "buy mi" not in json.dumps(provider.bodies[-1])
    assert "did not run" in json.dumps(provider.bodies[-1])


@BOTH
async def test_an_empty_answer_is_said_and_the_thread_goes_on(
    open_thread: OpenThread, provider: ProviderServer, names: dict[str, str]
) -> None:
    thread = open_thread(**names)
    provider.script(hand(), add("bread"), Answer(Text("")), Answer(Text("")))
    await thread.say("Add bread")
    assert "gave no answer" in errors(thread)[0]["message"]
    added = {event["item"]["id"] for event in thread.events if event["type"] == "thread.item.added"}
    removed = {event["item_id"] for event in thread.events if event["type"] == "thread.item.removed"}
    assert added <= removed | {item["id"] for item in thread.done()}
    provider.script(strictly(FINE))
    assert "Done." in await thread.say("Hi")
    assert titles(provider.bodies[-1]) == ["bread"]


async def test_a_ping_inside_a_handoffs_chunks_is_skipped(open_thread: OpenThread, provider: ProviderServer) -> None:
    def chunk(**call: Any) -> str:
        delta = {"tool_calls": [{"index": 0, **call}]}
        return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': None}]})}\n\n"

    begun = chunk(id="h:0", type="function", function={"name": "transfer_to_tasks", "arguments": ""})
    rest = chunk(function={"arguments": "{}"})
    thread = open_thread(**CHAT)
    provider.script(RawStream(f"id: 7\n{begun}: ping\n\n{rest}{DONE}"), add("bread"), FINE)
    assert "Done." in await thread.say("Add bread")
    assert (len(provider.requests), titles(provider.bodies[-1])) == (3, ["bread"])


@BOTH
async def test_the_plain_call_has_the_text_and_says_that_it_is_incomplete(
    open_thread: OpenThread, provider: ProviderServer, names: dict[str, str]
) -> None:
    thread = open_thread(**names)
    provider.script(Answer(Text("Half of"), finish_reason="length"))
    response = await thread.http.post("/chatkit/api", json={"message": {"content": "Tell me all"}})
    assert "Half of" in response.text
    assert "This answer is incomplete because it reached the length limit." in response.text
