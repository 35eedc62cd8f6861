"""A model with several providers: retries and the fallback, until the first text or call was shown.

Until then, a failed call is tried again with backoff, within the turn's remaining time, and then at the next provider.
The client sees of these attempts at most their reasoning. After the first text the answer cannot start again, so the
error is passed on.
Every failure becomes an `AssistantError` (see `assistant.models.failures`).

The openai client's own retries are off, and the Runner's are opt-in, so no call is retried by two layers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from agents import Model
from agents.models.interface import ModelTracing
from openai.types.responses import (
    ResponseCompletedEvent,
    ResponseReasoningSummaryTextDeltaEvent,
    ResponseReasoningTextDeltaEvent,
)

from assistant.aws import segment
from assistant.errors import ModelUnavailableError
from assistant.models.answer import Answer, is_empty, is_reasoning, normalized_output, shows
from assistant.models.attempts import Attempts, StreamEndedError
from assistant.models.breaker import breaker_of
from assistant.models.failures import EmptyAnswerError, UnreadableAnswerError, failure_of_event
from assistant.models.file_parts import has_files
from assistant.models.hosted import runs_at_provider
from assistant.models.learning import learn
from assistant.models.link import Link, ModelCall
from assistant.models.meter import OpenCall, current_meter
from assistant.models.request_settings import request_settings
from assistant.models.surrogates import sendable_input
from assistant.models.usage import with_usage, with_whole_usage
from assistant.otel import ModelSpan, model_span

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agents import ModelSettings
    from agents.agent_output import AgentOutputSchemaBase
    from agents.handoffs import Handoff
    from agents.items import ModelResponse, TResponseInputItem, TResponseStreamEvent
    from agents.tool import Tool
    from openai.types.responses.response_prompt_param import ResponsePromptParam

_Read = TypeVar("_Read")
# What the SDK fails with on an answer that it cannot read.
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError, AssertionError, RecursionError)
_ReasoningDelta = ResponseReasoningSummaryTextDeltaEvent | ResponseReasoningTextDeltaEvent


@dataclass
class _Progress:
    """The progress and the usage of one attempt.

    Attributes:
        used: The usage.
        thought: The user has seen reasoning.
        shown: The user has seen output other than reasoning, so the answer cannot start again.
        completed: The answer is complete.
        without_tools: The provider cannot use the agent's tools.
        span: The attempt's span.
    """

    used: OpenCall
    thought: bool = False
    shown: bool = False
    completed: bool = False
    without_tools: bool = False
    span: ModelSpan = field(default_factory=ModelSpan)


class ModelChain(Model):
    """One model made of several: the configured provider first, its fallback after it.

    Args:
        links: The providers, at least one, in the order of the attempts.
        defaults: Settings for agents that set none of their own.
        raise_refusals: Raise the error of a refused request instead of trying the next provider.
    """

    def __init__(
        self, links: Sequence[Link], defaults: ModelSettings | None = None, *, raise_refusals: bool = False
    ) -> None:
        if not links:
            raise ValueError("A chain needs at least one provider.")
        self._raise_refusals = raise_refusals
        self._defaults = defaults
        self._links = tuple(links)
        # Of the last call: the provider cannot use the agent's tools, and the user has seen more than reasoning.
        self.tools_left_out = self.answered = False

    @property
    def links(self) -> tuple[Link, ...]:
        """The providers, in order."""
        return self._links

    @property
    def model_name(self) -> str:
        """The model at the first provider."""
        return self._links[0].model_name

    def raising_refusals(self) -> ModelChain:
        """Return this chain for a caller that can send a refused request again with less."""
        return ModelChain(self._links, self._defaults, raise_refusals=True)

    def fallback(self) -> ModelChain | None:
        """Return the chain without its first provider, or None if there is no other."""
        return ModelChain(self._links[1:], self._defaults) if len(self._links) > 1 else None

    def without_fallback(self) -> ModelChain:
        """Return the first provider alone, for a request that no other provider may get."""
        return ModelChain(self._links[:1], self._defaults, raise_refusals=True)

    def _attempts(self, call: ModelCall) -> Attempts:
        once, with_files = runs_at_provider(call.input), has_files(call.input)
        return Attempts(self._links, raise_refusals=self._raise_refusals, once=once, with_files=with_files)

    def _settings(self, own: ModelSettings) -> ModelSettings:
        return own if self._defaults is None else self._defaults.resolve(own)

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
        """Return the response of the first provider that answers."""
        call = ModelCall(
            system_instructions, sendable_input(input), self._settings(model_settings), tools, output_schema, handoffs,
            tracing, previous_response_id, conversation_id, prompt,
        )  # fmt: skip
        attempts = self._attempts(call)
        while True:
            link, meter = attempts.link, current_meter()
            used = meter.begin(call, link.model_name)
            try:
                with segment(link.provider, "remote", model=link.model_name), _traced(link, call, stream=False) as span:
                    async with asyncio.timeout(attempts.budget()):
                        prepared = link.prepare(call)
                        model = await link.model()
                        attempts.request = request_settings(link, prepared, model)
                        response = await _read(prepared.response(model))
                    response.output = normalized_output(response.output)
                    if is_empty(response.output):
                        raise EmptyAnswerError
                    counted = with_whole_usage(response, call)
                    span.answer(counted.output, counted.usage, response_id=counted.response_id, model=None)
            except Exception as error:
                meter.end(used)
                if learn(link, error):
                    continue
                await attempts.failed(error)
            else:
                meter.end(used)
                breaker_of(link.provider).succeeded()
                self.tools_left_out = _lost_tools(call, prepared)
                meter.count(link.model_name, counted.usage.input_tokens, counted.usage.output_tokens)
                return counted

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
        """Stream the response of the first provider that produces output."""
        call = ModelCall(
            system_instructions, sendable_input(input), self._settings(model_settings), tools, output_schema, handoffs,
            tracing, previous_response_id, conversation_id, prompt,
        )  # fmt: skip
        attempts = self._attempts(call)
        meter, self.answered = current_meter(), False
        # The user has seen the reasoning of a failed attempt, which the next one's reasoning follows.
        thought = False
        while True:
            link = attempts.link
            progress = _Progress(meter.begin(call, link.model_name))
            try:
                with (
                    segment(link.provider, "remote", model=link.model_name),
                    _traced(link, call, stream=True) as progress.span,
                ):
                    async with aclosing(_attempt(attempts, call, progress)) as events:
                        async for event in events:
                            self.tools_left_out, self.answered = progress.without_tools, progress.shown
                            if thought and isinstance(event, _ReasoningDelta):
                                thought, event = False, event.model_copy(update={"delta": f"\n\n{event.delta}"})
                            yield event
            except Exception as error:
                if progress.completed:
                    # The answer is complete. Only closing the stream failed.
                    return
                thought = thought or progress.thought
                if not progress.shown:
                    if not progress.thought:
                        meter.end(progress.used)
                    if learn(link, error):
                        continue
                await attempts.failed(error, final=progress.shown)
            else:
                return


def _traced(link: Link, call: ModelCall, *, stream: bool) -> AbstractContextManager[ModelSpan]:
    return model_span(
        link.provider, link.model_name, call.settings, stream=stream, instructions=call.instructions, given=call.input
    )


def _lost_tools(call: ModelCall, prepared: ModelCall) -> bool:
    return bool(call.tools or call.handoffs) and not (prepared.tools or prepared.handoffs)


async def _attempt(
    attempts: Attempts, call: ModelCall, progress: _Progress
) -> AsyncGenerator[TResponseStreamEvent, None]:
    """Stream one attempt. Hold events back until one is visible, so that a next attempt leaves no trace."""
    link, meter = attempts.link, current_meter()
    prepared, answer = link.prepare(call), Answer()
    progress.without_tools = _lost_tools(call, prepared)
    held: list[TResponseStreamEvent] = []
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(attempts.budget()) as limit:
            model = await link.model()
            attempts.request = request_settings(link, prepared, model)
            stream = cast("AsyncGenerator[TResponseStreamEvent, None]", prepared.stream(model))
            await stack.enter_async_context(aclosing(stream))
            event = await _next(stream, answer, link, progress)
            while event is not None and not shows(event) and not isinstance(event, ResponseCompletedEvent):
                held.append(event)
                if event.type == "response.function_call_arguments.delta":
                    # The provider is at work. Arguments can be long, and the client's read time-out still applies.
                    limit.reschedule(None)
                event = await _next(stream, answer, link, progress)
        while event is not None:
            if isinstance(event, ResponseCompletedEvent):
                if is_empty(event.response.output):
                    raise EmptyAnswerError
                progress.completed = True
                breaker_of(link.provider).succeeded()
                event = with_usage(event, prepared, progress.used.written)
                meter.end(progress.used)
                response, usage = event.response, event.response.usage
                progress.span.answer(response.output, usage, response_id=response.id, model=response.model)
                if usage is not None:
                    meter.count(link.model_name, usage.input_tokens, usage.output_tokens)
            held.append(event)
            if progress.completed or progress.shown or shows(event):
                progress.thought = True
                progress.shown = progress.shown or progress.completed or not is_reasoning(event)
                meter.provider, meter.model = link.provider, link.model_name
                for earlier in held:
                    yield earlier
                held.clear()
            event = await _next(stream, answer, link, progress)
    if not progress.completed:
        raise ModelUnavailableError("The model's answer was cut off. Please try again.")


async def _next(
    stream: AsyncGenerator[TResponseStreamEvent, None], answer: Answer, link: Link, progress: _Progress
) -> TResponseStreamEvent | None:
    """Return the next event, normalized, or None at the end.

    Raises:
        StreamEndedError: the event reports a failure.
        UnreadableAnswerError: the event cannot be read.
    """
    while True:
        try:
            event = await anext(stream, None)
            if event is None:
                return None
            normalized = _checked(event, answer, link)
        except _UNREADABLE as error:
            raise UnreadableAnswerError(type(error).__name__) from error
        else:
            if normalized is not None:
                progress.span.chunk()
                delta = getattr(normalized, "delta", None)
                progress.used.written += len(delta) if isinstance(delta, str) else 0
                if normalized.type == "response.image_generation_call.in_progress":
                    current_meter().pictures += 1
                return normalized


def _checked(event: TResponseStreamEvent, answer: Answer, link: Link) -> TResponseStreamEvent | None:
    """Return an event, normalized, or None for one to skip: the client passes payloads that are no events on."""
    if not isinstance(getattr(event, "type", None), str):
        return None
    failure = failure_of_event(event, link)
    if failure is not None:
        raise StreamEndedError(failure)
    return answer.normalized(event)


async def _read(reading: Awaitable[_Read]) -> _Read:
    """Wait for something that reads a provider's answer. Whatever the SDK fails on there is the provider's fault."""
    try:
        return await reading
    except _UNREADABLE as error:
        raise UnreadableAnswerError(type(error).__name__) from error
