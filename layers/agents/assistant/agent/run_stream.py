"""A run of the Agents SDK that can be left in the middle, that a tripped input guardrail ends at once, and that tells
when its tools have answered.

ChatKit merges the run's events with those of its tools by a task for each, and leaves both tasks behind when it is
cancelled (chatkit.agents, 1.6.5): one would wait for ever, the other end with an exception that nobody takes. So the
one is given an event to end with, and the other is ours.

The SDK itself (openai-agents, 0.24.0) looks at what its input guardrails have found when the run has its next event:
while a tool takes long, or a model says nothing, a tripwire would not end them.

ChatKit takes a tool's result without a word. What has been done is to be known before the model says what it makes of
it, which may take long and may never come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast

from agents import (
    InputGuardrailResult,
    InputGuardrailTripwireTriggered,
    RunItemStreamEvent,
    RunResultStreaming,
    StreamEvent,
)
from chatkit.agents import AgentContext, ResponseStreamConverter, stream_agent_response
from chatkit.types import ProgressUpdateEvent, ThreadStreamEvent

from assistant.agent.output import plain_annotations

# How soon a tripwire ends a run that has no events. It is looked for only while a guardrail has not come to its end.
TRIPWIRE_SECONDS = 0.1
# Comes among the run's events when a tool has answered, and is for no client.
TOOL_ANSWERED = ProgressUpdateEvent(text="")


class LeavableRun:
    """Wraps a run on its way into ChatKit's `stream_agent_response`, which asks it for `stream_events` alone.

    Args:
        result: The run.
        context: The turn that it is part of.
        guardrails: How many input guardrails judge it; none of them one that goes on after an approval.
        converter: What makes ChatKit's items of the model's stream.
    """

    def __init__(
        self,
        result: RunResultStreaming,
        context: AgentContext[Any],
        guardrails: int,
        converter: ResponseStreamConverter,
    ) -> None:
        self._result = result
        self._context = context
        self._guardrails = guardrails
        self._converter = converter
        self._next: asyncio.Future[StreamEvent] | None = None

    def events(self) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Stream the run as ChatKit's events, with `TOOL_ANSWERED` among them."""
        streamed = stream_agent_response(self._context, cast(RunResultStreaming, self), converter=self._converter)
        return cast("AsyncGenerator[ThreadStreamEvent, None]", streamed)

    def stream_events(self) -> AsyncIterator[StreamEvent]:
        """Stream the run's own events."""
        self._source = plain_annotations(self._result.stream_events())
        return cast("AsyncIterator[StreamEvent]", self)

    def __anext__(self) -> asyncio.Future[StreamEvent]:
        """Return a task for the next event, which ChatKit takes as it is."""
        self._next = asyncio.ensure_future(self._told())
        return self._next

    async def _told(self) -> StreamEvent:
        """Return the next event; of a tool's result the run's reader is told beside it."""
        event = await self._event()
        if isinstance(event, RunItemStreamEvent) and event.name == "tool_output":
            await self._context.stream(TOOL_ANSWERED)
        return event

    async def _event(self) -> StreamEvent:
        """Return the next event.

        Raises:
            InputGuardrailTripwireTriggered: a guardrail has tripped; the run is cancelled, its tools with it.
        """
        if self._is_judged():
            return await self._source.__anext__()
        coming = asyncio.ensure_future(self._source.__anext__())
        try:
            while not self._is_judged():
                done, _ = await asyncio.wait([coming], timeout=TRIPWIRE_SECONDS)
                if done:
                    break
                tripped = self.tripped()
                if tripped is not None:
                    self._result.cancel()
                    raise InputGuardrailTripwireTriggered(tripped)
            return await coming
        finally:
            coming.cancel()
            coming.add_done_callback(_take)

    def _is_judged(self) -> bool:
        """Tell whether all guardrails have come to their end, and note it for the turn."""
        judged = len(self._result.input_guardrail_results) >= self._guardrails or self.tripped() is not None
        self._context.request_context.report.judged = judged
        return judged

    def tripped(self) -> InputGuardrailResult | None:
        """Return what an input guardrail has tripped over, if one has, whether or not the run has ended for it."""
        results = self._result.input_guardrail_results
        return next((each for each in results if each.output.tripwire_triggered), None)

    async def leave(self) -> None:
        """End the run, if it has not ended: the model's stream and running tools are cancelled."""
        self._result.cancel()
        self._is_judged()
        await self._context.stream(ProgressUpdateEvent(text=""))
        if self._next is not None:
            self._next.cancel()
            self._next.add_done_callback(_take)


def _take(task: asyncio.Future[StreamEvent]) -> None:
    """Take a task's exception, if it has one."""
    if not task.cancelled():
        task.exception()
