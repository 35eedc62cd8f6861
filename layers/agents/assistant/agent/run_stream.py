"""Stream a run of the Agents SDK.

The run can be cancelled, and the results of its guardrails and tools are noticed at once.

ChatKit merges the run's events with those of its tools in two tasks. If the merge is cancelled, ChatKit leaves both
tasks behind (chatkit.agents, 1.6.5). The first task waits for ever. The second task raises an exception that nobody
retrieves. So `cancel` sends an event that ends the first task, and this module owns the second task.

The SDK checks the results of its input guardrails only when the run has its next event (openai-agents, 0.24.0). A
slow tool or model would delay a tripwire. So this module checks the results on a timer.

ChatKit starts a task for each event and waits for it with `asyncio.wait`. An answer has hundreds of deltas of text, and
ChatKit only repacks them. So this module repacks a delta itself, and sends it past ChatKit at its place in the order.

ChatKit has no event for a tool's result. This module adds such an event, so that the result is stored before the
model answers. The model's answer can take long, or never come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from agents import (
    InputGuardrailResult,
    InputGuardrailTripwireTriggered,
    RunItemStreamEvent,
    RunResultStreaming,
    StreamEvent,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
)
from chatkit.agents import AgentContext, ResponseStreamConverter, stream_agent_response
from chatkit.types import (
    AssistantMessageContentPartTextDelta,
    ProgressUpdateEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
)
from openai.types.responses import ResponseTextDeltaEvent

from assistant.agent.code_files import CodeFiles
from assistant.agent.hosted_tools import HostedTools
from assistant.agent.output import for_chatkit
from assistant.agent.tool_rounds import ToolRounds
from assistant.agent.turn_models import comes_after_events

# The interval of the check for a tripwire while guardrails are running.
TRIPWIRE_SECONDS = 0.1
# Failures that come after what tools have shown.
_BY_TOOL = (ToolInputGuardrailTripwireTriggered, ToolOutputGuardrailTripwireTriggered)
# The event after a tool's result. It is never sent to a client.
TOOL_FINISHED = ProgressUpdateEvent(text="")


class CancellableRun:
    """Wraps a run for ChatKit's `stream_agent_response`, which only calls `stream_events`.

    Args:
        result: The run.
        context: The turn's context.
        guardrails: The number of input guardrails; 0 for a run resumed after an approval, which runs none.
        converter: Converts the model's stream to ChatKit items.
        rounds: Keeps the calls of hosted tools for later turns.
        files: Keeps the files and pictures of the code interpreter.
    """

    def __init__(
        self,
        result: RunResultStreaming,
        context: AgentContext[Any],
        guardrails: int,
        converter: ResponseStreamConverter,
        rounds: ToolRounds,
        files: CodeFiles,
    ) -> None:
        self._result = result
        self._rounds = rounds
        self._files = files
        self._context = context
        self._guardrails = guardrails
        self._converter = converter
        self._hosted = HostedTools(context)
        self._next: asyncio.Future[StreamEvent] | None = None
        self._deltas: deque[ThreadItemUpdatedEvent] = deque()
        self._arrival: asyncio.Future[None] | None = None
        # The event behind all that tools have shown before a failure, and whether it has passed.
        self._last = ProgressUpdateEvent(text="")
        self._passed: asyncio.Future[None] | None = None

    async def events(self) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Stream the run as ChatKit events, with a `TOOL_FINISHED` after each tool's result.

        A delta that is waiting came before ChatKit's event: ChatKit gets the run's next event only after that delta.
        """
        streamed = stream_agent_response(self._context, cast(RunResultStreaming, self), converter=self._converter)
        coming: asyncio.Future[ThreadStreamEvent] | None = None
        async with aclosing(cast("AsyncGenerator[ThreadStreamEvent, None]", streamed)) as events:
            try:
                while True:
                    if coming is None:
                        coming = asyncio.ensure_future(anext(events))
                        coming.add_done_callback(self._arrived)
                    if self._deltas:
                        yield self._deltas.popleft()
                    elif not coming.done():
                        self._arrival = asyncio.get_running_loop().create_future()
                        await self._arrival
                    else:
                        done, coming = coming, None
                        event = done.result()
                        if event is not self._last:
                            yield event
                        elif self._passed is not None and not self._passed.done():
                            # A stop may have cancelled the wait for it.
                            self._passed.set_result(None)
            except StopAsyncIteration:
                return
            finally:
                if coming is not None:
                    coming.cancel()
                    await asyncio.wait([coming])
                    _retrieve_exception(coming)

    def _arrived(self, _: object = None) -> None:
        """Wake the loop of `events`."""
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def stream_events(self) -> AsyncIterator[StreamEvent]:
        """Stream the run's own events."""
        self._source = for_chatkit(self._result.stream_events())
        return cast("AsyncIterator[StreamEvent]", self)

    def __anext__(self) -> asyncio.Future[StreamEvent]:
        """Return a task for the next event. ChatKit awaits that task instead of making its own."""
        self._next = asyncio.ensure_future(self._next_event())
        return self._next

    async def _next_event(self) -> StreamEvent:
        """Send the deltas of text, and return the next event. After a tool's result, also send `TOOL_FINISHED`."""
        try:
            while (delta := _text_delta(event := await self._event())) is not None:
                self._deltas.append(delta)
                self._arrived()
        except StopAsyncIteration:
            # ChatKit leaves an open workflow to the next turn. Only the turn that brings a client tool's output goes on
            # with it.
            if self._context.client_tool_call is None or self._is_reasoning():
                await self._context.end_workflow()
            raise
        except Exception as error:
            if comes_after_events(error) or isinstance(error, _BY_TOOL):
                # ChatKit drops what the tools' queue still has when the run fails.
                self._passed = asyncio.get_running_loop().create_future()
                await self._context.stream(self._last)
                await self._passed
            raise
        await self._hosted.take(event)
        if event.type == "raw_response_event" and event.data.type == "response.output_item.done":
            hidden = self._rounds.take_streamed(event.data.item, self._result.new_items)
            if hidden is not None:
                await self._context.stream(ThreadItemDoneEvent(item=hidden))
            async for shown in self._files.pictures_of(event.data.item):
                await self._context.stream(shown)
            await self._drop_missing_picture(event.data.item)
        if isinstance(event, RunItemStreamEvent) and event.name == "tool_output":
            await self._context.stream(TOOL_FINISHED)
        return event

    async def _drop_missing_picture(self, item: Any) -> None:
        """Remove the item of a picture that the model began and did not make. ChatKit leaves it open."""
        begun = self._context.generated_image_item
        if item.type == "image_generation_call" and not item.result and begun is not None:
            self._context.generated_image_item = None
            await self._context.stream(ThreadItemRemovedEvent(item_id=begun.id))

    def _is_reasoning(self) -> bool:
        open_workflow = self._context.workflow_item
        return open_workflow is not None and open_workflow.workflow.type == "reasoning"

    async def _event(self) -> StreamEvent:
        """Return the next event.

        Raises:
            InputGuardrailTripwireTriggered: a guardrail refused the input. The run and its tools are cancelled.
        """
        self._end_if_tripped()
        if self._guardrails_done():
            return await self._source.__anext__()
        coming = asyncio.ensure_future(self._source.__anext__())
        try:
            while not self._guardrails_done():
                done, _ = await asyncio.wait([coming], timeout=TRIPWIRE_SECONDS)
                if done:
                    break
                self._end_if_tripped()
            return await coming
        finally:
            coming.cancel()
            coming.add_done_callback(_retrieve_exception)

    def _end_if_tripped(self) -> None:
        """Cancel the run if a guardrail has refused the input, also between two events.

        Raises:
            InputGuardrailTripwireTriggered: a guardrail has.
        """
        tripped = self.tripped()
        if tripped is not None:
            self._result.cancel()
            raise InputGuardrailTripwireTriggered(tripped)

    def _guardrails_done(self) -> bool:
        """Tell whether all guardrails have finished, and record it for the turn."""
        done = len(self._result.input_guardrail_results) >= self._guardrails or self.tripped() is not None
        self._context.request_context.report.judged = done
        return done

    def tripped(self) -> InputGuardrailResult | None:
        """Return the result of the input guardrail that refused the input, or None."""
        results = self._result.input_guardrail_results
        return next((each for each in results if each.output.tripwire_triggered), None)

    async def cancel(self) -> None:
        """Cancel the model stream and running tools, if the run has not ended."""
        self._result.cancel()
        self._guardrails_done()
        await self._context.stream(ProgressUpdateEvent(text=""))
        if self._next is not None:
            self._next.cancel()
            self._next.add_done_callback(_retrieve_exception)


def _text_delta(event: StreamEvent) -> ThreadItemUpdatedEvent | None:
    """Return a delta of text as ChatKit's event, or None for any other event."""
    if event.type != "raw_response_event" or not isinstance(delta := event.data, ResponseTextDeltaEvent):
        return None
    update = AssistantMessageContentPartTextDelta(content_index=delta.content_index, delta=delta.delta)
    return ThreadItemUpdatedEvent(item_id=delta.item_id, update=update)


def _retrieve_exception(task: asyncio.Future[Any]) -> None:
    """Retrieve a task's exception, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()
