"""Run one turn at init, without a network, so that the first user does not wait for the SDKs' lazy loading.

The SDKs build most of their pydantic models on first use: 850 ms of CPU on Responses, 200 ms on Chat Completions
(openai 3.54, openai-agents 0.24). The real Runner, model class and client read a fixed answer from memory. No
connection and no key remain afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx2
from agents import Agent, Model, RunConfig, Runner, function_tool
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from agents.models.openai_responses import OpenAIResponsesModel
from openai import DefaultAsyncHttpxClient

from assistant.models.client import ModelClient
from assistant.models.response_writer import ResponseWriter
from assistant.models.usage import usage_of

if TYPE_CHECKING:
    from agents.items import TResponseStreamEvent

_TOOL = "warm_up"
_MODEL = "warm-up"


async def run_once(*, on_responses: bool) -> None:
    """Run a turn with a tool call and a text on one of the two APIs.

    Args:
        on_responses: The Responses API; otherwise Chat Completions.
    """
    answers = _responses() if on_responses else _completions()

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=next(answers))

    async with DefaultAsyncHttpxClient(transport=httpx2.MockTransport(answer)) as http:
        client = ModelClient(api_key=_MODEL, base_url="http://warm-up.invalid/v1", max_retries=0, http_client=http)
        model: Model = (
            OpenAIResponsesModel(_MODEL, client) if on_responses else OpenAIChatCompletionsModel(_MODEL, client)
        )
        agent = Agent(name=_MODEL, model=model, tools=[function_tool(_warm_up_tool, name_override=_TOOL)])
        run = Runner.run_streamed(agent, "Hello", run_config=RunConfig(tracing_disabled=True))
        async for _ in run.stream_events():
            pass


def _warm_up_tool() -> str:
    """Do nothing."""
    return "Done."


def _responses() -> Iterator[bytes]:
    for text in (None, "Ready."):
        writer = ResponseWriter(_MODEL)
        events = [*writer.begin()]
        if text is None:
            events += writer.call(_TOOL, {})
        else:
            events += [*writer.open_text(), *writer.text(text), *writer.close_text()]
        events += writer.complete(usage_of(1, 1))
        yield _sse(_dumped(event) for event in events)


def _dumped(event: TResponseStreamEvent) -> str:
    return event.model_dump_json()


def _completions() -> Iterator[bytes]:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": _TOOL, "arguments": "{}"}}
    deltas: list[dict[str, Any]] = [{"tool_calls": [call]}, {"content": "Ready."}]
    for delta in deltas:
        chunks = [
            {"choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}},
        ]
        yield _sse([*(json.dumps(chunk) for chunk in chunks), "[DONE]"])


def _sse(payloads: Any) -> bytes:
    return "".join(f"data: {payload}\n\n" for payload in payloads).encode()
