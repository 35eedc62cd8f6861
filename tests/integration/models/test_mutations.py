"""Damaged streams: whatever a provider sends, a turn ends, its items are finished and its error is one of ours."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.hosted_items import stream_of
from tests.support.provider_formats import chunks_of, events_of
from tests.support.provider_server import Answer, ProviderServer, RawStream, Reasoning, Text, ToolCall

pytestmark = pytest.mark.anyio

ORDINARY, EXHAUSTIVE = 75, 1_250
# A turn that takes longer than this hangs: the provider answers at once.
SECONDS_A_TURN = 60
ANSWERS = [
    Answer(Reasoning("I add them."), Text("The sum is three and a bit.")),
    Answer(Text("I will add."), ToolCall("add", {"left": 1, "right": 2}), ToolCall("add", {"left": 3, "right": 4})),
]
OpenThread = Callable[..., ChatKitClient]


# Items that only the Responses API has.
HOSTED: list[Any] = [
    {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "sums"}},
    {
        "id": "ci_1",
        "type": "code_interpreter_call",
        "status": "completed",
        "code": "1 + 2",
        "container_id": "c",
        "outputs": [{"type": "logs", "logs": "3"}, {"type": "image", "url": "https://files.example/a.png"}],
    },
    {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "https://files.example/a.png"},
    {"id": "sh_1", "type": "shell_call", "call_id": "call_1", "status": "completed", "action": {"commands": ["ls"]}},
]


def recorded(api: str, answer: Answer) -> list[Any]:
    payloads = events_of(answer, "m") if api == "responses" else chunks_of(answer, "m", True)
    return [json.loads(json.dumps(payload)) for payload in payloads]


def recordings(api: str) -> list[list[Any]]:
    """Return streams to damage."""
    answers = [recorded(api, answer) for answer in ANSWERS]
    if api == "responses":
        hosted = stream_of(*HOSTED, text="Three.").text
        answers.append([json.loads(line[6:]) for line in hosted.splitlines() if line.startswith("data: ")])
    return answers


def damage(node: Any, rng: random.Random) -> Any:
    """Put a null or a value of another type somewhere into a payload."""
    if isinstance(node, dict) and node and rng.random() < 0.85:
        key = rng.choice(list(node))
        return {**node, key: damage(node[key], rng)}
    if isinstance(node, list) and node and rng.random() < 0.85:
        at = rng.randrange(len(node))
        return [*node[:at], damage(node[at], rng), *node[at + 1 :]]
    return rng.choice([None, None, 7, "", [], {}, [None], True])


def mutated(api: str, payloads: list[Any], rng: random.Random) -> str:
    """Return a recorded stream with up to three mutations."""
    mutated = list(payloads)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(mutated))
        match rng.choice(["drop", "double", "swap", "damage", "damage", "end"]):
            case "drop" if len(mutated) > 1:
                del mutated[at]
            case "double":
                mutated.insert(at, mutated[at])
            case "swap":
                other = rng.randrange(len(mutated))
                mutated[at], mutated[other] = mutated[other], mutated[at]
            case "damage":
                mutated[at] = damage(mutated[at], rng)
            case _:
                mutated = mutated[: at + 1]
    text = "".join(f"data: {json.dumps(payload)}\n\n" for payload in mutated)
    if api == "chat" and rng.random() < 0.7:
        text += "data: [DONE]\n\n"
    if rng.random() < 0.2:
        text = text[: rng.randrange(len(text))]
    return text


@pytest.fixture
async def open_thread(aws_environment: Aws, provider: ProviderServer) -> AsyncIterator[OpenThread]:
    opened: list[ChatKitClient] = []
    resources: dict[str, Resources] = {}

    def make(**names: str) -> ChatKitClient:
        name = names["OPENAI_API"]
        if name not in resources:
            environment = aws_environment.environment(
                OPENAI_BASE_URL=provider.base_url,
                LLM_PROVIDER="openai",
                OPENAI_API_KEY="sk-test",
                AGENT_FACTORY="tests.support.adding_agent:build_agent",
                THREAD_TITLES="false",
                **names,
            )
            resources[name] = Resources(load_settings(environment))
        opened.append(ChatKitClient(client(create_app(resources[name], streaming=True))))
        return opened[-1]

    yield make
    for each in opened:
        await each.http.aclose()


async def check_mutations(open_thread: OpenThread, provider: ProviderServer, api: str, count: int, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - mutations, not a secret
    names = {"OPENAI_API": "responses" if api == "responses" else "chat_completions"}
    for number in range(count):
        provider.reset()
        stream = mutated(api, rng.choice(recordings(api)), rng)
        provider.script(RawStream(stream))
        thread = open_thread(**names)
        async with asyncio.timeout(SECONDS_A_TURN):
            await thread.say("1 + 2?")
        where = f"seed {seed}, number {number}: {stream}\n{thread.events}"
        kinds = [event["type"] for event in thread.events]
        assert kinds[-1] in (
            "thread.item.done",
            "thread.item.replaced",
            "error",
            "thread.updated",
            "thread.item.removed",
        ), where
        assert "stream.error" not in str(thread.events), where
        added = {event["item"]["id"] for event in thread.events if event["type"] == "thread.item.added"}
        ended = {
            event["item"]["id"]
            for event in thread.events
            if event["type"] in ("thread.item.done", "thread.item.replaced")
        }
        ended |= {event["item_id"] for event in thread.events if event["type"] == "thread.item.removed"}
        assert added <= ended, where
        # The thread is not dead.
        provider.reset()
        assert "1 + 2?" in await thread.say("And now?") or "You said" in thread.said(), where


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_damaged_streams(open_thread: OpenThread, provider: ProviderServer, api: str) -> None:
    await check_mutations(open_thread, provider, api, ORDINARY, int(os.environ.get("MUTATION_SEED", "1")))


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_many_damaged_streams(open_thread: OpenThread, provider: ProviderServer, api: str, seed: int) -> None:
    await check_mutations(open_thread, provider, api, EXHAUSTIVE, seed)
