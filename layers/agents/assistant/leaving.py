"""A run of the Agents SDK that can be left in the middle.

ChatKit merges the run's events with those of its tools by a task for each, and leaves both tasks behind when it is
cancelled (chatkit.agents, 1.6.5): one would wait for ever, the other end with an exception that nobody takes. Here
each of them is given one more event to end with.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast

from agents import AgentUpdatedStreamEvent, RunResultStreaming, StreamEvent
from chatkit.agents import AgentContext, ResponseStreamConverter, stream_agent_response
from chatkit.types import ProgressUpdateEvent, ThreadStreamEvent


class LeavableRun:
    """Wraps a run on its way into ChatKit's `stream_agent_response`, which asks it for `stream_events` alone."""

    def __init__(self, result: RunResultStreaming, converter: ResponseStreamConverter) -> None:
        self._result = result
        self._converter = converter
        self._left = False

    def events(self, context: AgentContext[Any]) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Stream the run as ChatKit's events."""
        streamed = stream_agent_response(context, cast(RunResultStreaming, self), converter=self._converter)
        return cast("AsyncGenerator[ThreadStreamEvent, None]", streamed)

    async def stream_events(self) -> AsyncIterator[StreamEvent]:
        """Stream the run's own events."""
        try:
            async for event in self._result.stream_events():
                yield event
        except Exception:
            if not self._left:
                raise
        if self._left:
            yield AgentUpdatedStreamEvent(new_agent=self._result.current_agent)

    async def leave(self, context: AgentContext[Any]) -> None:
        """End the run, if it has not ended: the model's stream and running tools are cancelled."""
        self._left = True
        self._result.cancel()
        await context.stream(ProgressUpdateEvent(text=""))
