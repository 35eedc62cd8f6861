"""A model that survives its provider: retries, then the fallback, until the first delta.

Before anything has been shown, a failed call is tried again with backoff, inside the time that the turn has
left, and then at the next provider; the client sees nothing of it. Once a delta is out the answer cannot be
begun anew, so an error passes on as one of ours. Every failure becomes an `AssistantError` (see
`assistant.models.failures`).

The openai client's own retries are off, and the Runner's are opt-in, so nothing is retried twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from agents import Model
from agents.models.interface import ModelTracing
from openai.types.responses import ResponseCompletedEvent

from assistant.errors import ModelTimeoutError, ModelUnavailableError
from assistant.models.breaker import breaker_of
from assistant.models.clients import forget_client
from assistant.models.deadline import seconds_left
from assistant.models.failures import Failure, failure_of, failure_of_event
from assistant.models.halves import mend_event, mend_items
from assistant.models.link import Link, ModelCall
from assistant.models.meter import OpenCall, current_meter
from assistant.models.usage import with_usage, with_whole_usage
from assistant.tracing import segment

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agents import ModelSettings
    from agents.agent_output import AgentOutputSchemaBase
    from agents.handoffs import Handoff
    from agents.items import ModelResponse, TResponseInputItem, TResponseStreamEvent
    from agents.tool import Tool
    from openai.types.responses.response_prompt_param import ResponsePromptParam

logger = logging.getLogger(__name__)

ATTEMPTS_PER_PROVIDER = 3
# The n-th pause is drawn from 0 to BASE * 2^n ("full jitter"), so that callers who failed together do not
# return together: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
BACKOFF_BASE_SECONDS = 0.4
BACKOFF_LONGEST_SECONDS = 5.0
# A provider that asks for a longer pause than this is not waited for when there is another one.
PATIENCE_WITH_FALLBACK_SECONDS = 2.0
# An attempt that cannot get this much time is not begun.
SHORTEST_ATTEMPT_SECONDS = 2.0
# Where the turn sets no deadline, retries end after this; a browser's user has gone by then.
RETRY_SECONDS_WITHOUT_DEADLINE = 60.0
# How long a provider may take until it shows something: a reasoning model can be silent for minutes. Less where half
# of the turn's time is less: the other half is for the next attempt.
LONGEST_SILENCE_SECONDS = 180.0

# Events that show nothing yet. They are held back until one comes that does, so that a retry leaves no trace.
_PREAMBLE = {
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.reasoning_summary_part.added",
}

# Read by `RunResultStreaming.stream_events` (openai-agents 0.24): without it an error overtakes the deltas
# that are still in the Runner's queue, and they are lost.
_DRAIN_MARK = "_agents_drain_queued_stream_events"


class _Ended(Exception):
    """A stream ended with an event that says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


@dataclass
class _Progress:
    """How far one attempt has come, and what it has used."""

    used: OpenCall
    shown: bool = False
    completed: bool = False


class ModelChain(Model):
    """One model made of several: the configured provider first, its fallback after it.

    Args:
        links: At least one, in the order in which they are to be tried.
    """

    def __init__(self, links: Sequence[Link]) -> None:
        if not links:
            raise ValueError("A chain needs at least one provider.")
        self._links = tuple(links)

    @property
    def links(self) -> tuple[Link, ...]:
        """The providers, in order."""
        return self._links

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff[Any, Any]],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None = None,
        conversation_id: str | None = None,
        prompt: ResponsePromptParam | None = None,
    ) -> ModelResponse:
        """Return a whole response from the first provider that gives one."""
        call = ModelCall(
            system_instructions, input, model_settings, tools, output_schema, handoffs, tracing,
            previous_response_id, conversation_id, prompt,
        )  # fmt: skip
        attempts = _Attempts(self._links)
        while True:
            link = attempts.link
            try:
                with segment(link.provider, "remote", model=link.model_name):
                    async with asyncio.timeout(attempts.budget()):
                        response = await link.prepare(call).response(await link.model())
            except Exception as error:
                await attempts.failed(error)
            else:
                breaker_of(link.provider).succeeded()
                mend_items(response.output)
                return with_whole_usage(response, call)

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff[Any, Any]],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None = None,
        conversation_id: str | None = None,
        prompt: ResponsePromptParam | None = None,
    ) -> AsyncIterator[TResponseStreamEvent]:
        """Stream a response from the first provider that shows something."""
        call = ModelCall(
            system_instructions, input, model_settings, tools, output_schema, handoffs, tracing,
            previous_response_id, conversation_id, prompt,
        )  # fmt: skip
        attempts, meter = _Attempts(self._links), current_meter()
        while True:
            progress = _Progress(meter.begin(call))
            try:
                with segment(attempts.link.provider, "remote", model=attempts.link.model_name):
                    async with aclosing(_attempt(attempts, call, progress)) as events:
                        async for event in events:
                            yield event
            except Exception as error:
                if progress.completed:
                    # The answer is whole; what failed is the tidying up after it.
                    return
                if not progress.shown:
                    meter.end(progress.used)
                await attempts.failed(error, final=progress.shown)
            else:
                return


async def _attempt(
    attempts: _Attempts, call: ModelCall, progress: _Progress
) -> AsyncGenerator[TResponseStreamEvent, None]:
    """Stream one attempt at one provider, silent until there is something to show."""
    link, meter = attempts.link, current_meter()
    prepared = link.prepare(call)
    held: list[TResponseStreamEvent] = []
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(attempts.budget()):
            stream = cast("AsyncGenerator[TResponseStreamEvent, None]", prepared.stream(await link.model()))
            await stack.enter_async_context(aclosing(stream))
            event = await anext(stream, None)
            while event is not None and event.type in _PREAMBLE:
                held.append(event)
                event = await anext(stream, None)
        while event is not None:
            failure = failure_of_event(event, link)
            if failure is not None:
                raise _Ended(failure)
            progress.shown = True
            meter.provider, meter.model = link.provider, link.model_name
            for earlier in held:
                yield earlier
            held.clear()
            delta = getattr(event, "delta", None)
            progress.used.written += len(delta) if isinstance(delta, str) else 0
            mend_event(event)
            if isinstance(event, ResponseCompletedEvent):
                progress.completed = True
                breaker_of(link.provider).succeeded()
                event = with_usage(event, prepared, progress.used.written)
                meter.end(progress.used)
            yield event
            event = await anext(stream, None)
    if not progress.completed:
        raise ModelUnavailableError("The model's answer was cut off. Please try again.")


class _Attempts:
    """Decides, after each failure, what is tried next and after which pause."""

    def __init__(self, links: Sequence[Link]) -> None:
        allowed = [link for link in links if breaker_of(link.provider).allows()]
        # A provider that has been failing is a last resort, and gets one attempt; better than none at all.
        self._queue = [(link, ATTEMPTS_PER_PROVIDER) for link in allowed]
        self._queue += [(link, 1) for link in links if link not in allowed]
        breaker_of(self.link.provider).begins()
        self._tried = 0
        self._first: Failure | None = None
        self._give_up_at = asyncio.get_running_loop().time() + RETRY_SECONDS_WITHOUT_DEADLINE

    @property
    def link(self) -> Link:
        """The provider to call now."""
        return self._queue[0][0]

    def _time_left(self) -> float:
        left = seconds_left()
        own = max(0.0, self._give_up_at - asyncio.get_running_loop().time())
        return own if left is None else left

    def _is_last_chance(self) -> bool:
        return len(self._queue) == 1 and self._tried + 1 >= self._queue[0][1]

    def budget(self) -> float:
        """Seconds that this attempt gets until it shows something, or to its end if it is not streamed."""
        left = seconds_left()
        if left is None:
            return LONGEST_SILENCE_SECONDS
        return min(LONGEST_SILENCE_SECONDS, left if self._is_last_chance() else left / 2)

    async def failed(self, error: Exception, *, final: bool = False) -> None:
        """Note a failed attempt and wait for the next one.

        Args:
            error: What the attempt raised.
            final: Something was shown already, so there is no next attempt.

        Raises:
            AssistantError: there is nothing left to try.
            Exception: the error itself, when it is not the provider's doing.
        """
        link, allowed = self._queue[0]
        failure = error.failure if isinstance(error, _Ended) else failure_of(error, link)
        if failure is None:
            raise error
        self._tried += 1
        logger.warning(
            "model call failed",
            extra={
                "provider": link.provider,
                "model": link.model_name,
                "error_code": failure.error.code,
                "attempt": self._tried,
                "shown": final,
                "detail": failure.detail,
            },
        )
        if failure.error.code == "model_credentials":
            forget_client(link.provider)
        # The first provider's failure is the one to tell of: it is what the operator has to mend.
        self._first = self._first or failure
        if final:
            if failure.providers_fault:
                breaker_of(link.provider).failed()
            setattr(failure.error, _DRAIN_MARK, True)
            raise failure.error from None
        pause = self._pause(failure)
        if failure.again and self._tried < allowed and self._may_wait(failure, pause):
            await asyncio.sleep(pause)
            return
        if failure.providers_fault:
            breaker_of(link.provider).failed()
        if failure.elsewhere and len(self._queue) > 1 and self._time_left() >= SHORTEST_ATTEMPT_SECONDS:
            self._queue.pop(0)
            self._tried = 0
            breaker_of(self.link.provider).begins()
            return
        raise self._first.error from None

    def _pause(self, failure: Failure) -> float:
        asked = failure.error.retry_after
        longest = min(BACKOFF_LONGEST_SECONDS, BACKOFF_BASE_SECONDS * 2**self._tried)
        drawn = random.uniform(0, longest)  # noqa: S311 - jitter, not a secret
        return drawn if asked is None else asked + drawn

    def _may_wait(self, failure: Failure, pause: float) -> bool:
        """Tell whether the same provider is tried again; with another at hand there is less patience."""
        has_other = len(self._queue) > 1
        if has_other and (pause > PATIENCE_WITH_FALLBACK_SECONDS or isinstance(failure.error, ModelTimeoutError)):
            return False
        return pause + SHORTEST_ATTEMPT_SECONDS <= self._time_left()
