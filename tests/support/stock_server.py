"""A stock ChatKit server, as the SDK's documentation shows it, and a provider that both servers can have in process."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from agents import Agent, Model, OpenAIChatCompletionsModel, OpenAIResponsesModel, RunConfig, Runner
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem
from openai import AsyncOpenAI

from benchmarks.store_peers import SampleStore
from tests.support import stock_agents
from tests.support.provider_formats import Answer, Json, chunks_of, events_of

# Rounds of the event loop between two events of the model. Both servers have passed an event on by then, so the order
# of a model's and a tool's events depends on no clock.
ROUNDS = 60
# The most model calls of a turn: as many as ours makes.
MAX_MODEL_CALLS = 12


@dataclass(frozen=True)
class Broken:
    """An answer that fails after so many deltas of text.

    Attributes:
        answer: The answer.
        deltas: How many deltas come, at least one: before the first, our server calls the model again.
        error: The provider reports an error. Otherwise the connection breaks.
    """

    answer: Answer
    deltas: int
    error: bool


class SteppedProvider(httpx2.AsyncBaseTransport):
    """A transport that answers with a script, one event after the other.

    Args:
        api: `responses` or `chat_completions`.
        rounds: Rounds of the event loop between two events; 0 for all events at once.
    """

    def __init__(self, api: str, rounds: int = ROUNDS) -> None:
        self._api = api
        self._rounds = rounds
        self._left: list[Answer | Broken] = []

    def script(self, answers: Sequence[Answer | Broken]) -> None:
        """Set the next answers."""
        self._left = list(answers)
        stock_agents.MODEL.sent = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a model call with the next answer."""
        stream = _Body(self._left.pop(0), self._api, self._rounds)
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=stream)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: Answer | Broken, api: str, rounds: int) -> None:
        self._rounds = rounds
        self._broken = answer if isinstance(answer, Broken) else None
        whole = answer.answer if isinstance(answer, Broken) else answer
        self._api = api
        self._events = list(events_of(whole, "m") if api == "responses" else chunks_of(whole, "m", True))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        deltas = 0
        for event in self._events:
            assert isinstance(event, dict)
            for _ in range(self._rounds):
                await asyncio.sleep(0)
            stock_agents.MODEL.sent = math.inf if event is self._events[-1] else stock_agents.MODEL.sent + 1
            yield _frame(event)
            deltas += _has_text(event)
            if self._broken is not None and deltas == self._broken.deltas:
                for _ in range(self._rounds):
                    await asyncio.sleep(0)
                if not self._broken.error:
                    raise httpx2.ReadError("the connection broke")
                error = {"code": "server_error", "message": "secret words of the provider"}
                yield _frame(
                    {"type": "error", "param": None, **error} if self._api == "responses" else {"error": error}
                )
                return
        if self._api != "responses":
            yield b"data: [DONE]\n\n"


def _frame(event: Json) -> bytes:
    kind = f"event: {event['type']}\n" if "type" in event else ""
    return f"{kind}data: {json.dumps(event)}\n\n".encode()


def _has_text(event: Json) -> bool:
    """Tell whether an event of either API is a delta of text."""
    if event.get("type") == "response.output_text.delta":
        return True
    return any(choice["delta"].get("content") for choice in event.get("choices", ()))


class StockServer(ChatKitServer[None]):
    """The SDK's server with an agent.

    Args:
        agent: Who answers.
        api: `responses` or `chat_completions`.
        provider: Answers the model calls.
    """

    def __init__(self, agent: Agent[Any], api: str, provider: SteppedProvider) -> None:
        super().__init__(SampleStore())
        self._agent = agent
        client = AsyncOpenAI(api_key="sk-test", max_retries=0, http_client=httpx2.AsyncClient(transport=provider))
        self._model: Model = (
            OpenAIResponsesModel("m", client) if api == "responses" else OpenAIChatCompletionsModel("m", client)
        )

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: None
    ) -> AsyncIterator[ThreadStreamEvent]:
        page = await self.store.load_thread_items(thread.id, None, 20, "desc", context)
        agent_context: AgentContext[None] = AgentContext(thread=thread, store=self.store, request_context=context)
        result = Runner.run_streamed(
            self._agent,
            await simple_to_agent_input(page.data[::-1]),
            context=agent_context,
            max_turns=MAX_MODEL_CALLS,
            run_config=RunConfig(model=self._model, tracing_disabled=True),
        )
        async for event in stream_agent_response(agent_context, result):
            yield event

    async def events(self, request: Json) -> list[Json]:
        """Return the events that answer a request."""
        answer = await self.process(json.dumps(request), None)
        assert isinstance(answer, StreamingResult)
        body = b"".join([frame async for frame in answer])
        return events_in(body)


def events_in(body: bytes) -> list[Json]:
    """Return the events of a stream."""
    lines = body.decode().split("\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
