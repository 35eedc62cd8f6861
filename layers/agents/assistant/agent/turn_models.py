"""Wrap the model of each agent, so that a refused request is sent again in a form that the provider accepts.

A provider refuses a request with 400 if its history has something that the model does not accept, such as a picture.
The same history goes into every later request. So without a change, every later turn of the thread would fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from agents import Agent, Model, ModelProvider, TResponseInputItem
from chatkit.agents import AgentContext
from chatkit.types import NoticeEvent

from assistant.agent.left_out import LeftOut, refused_names
from assistant.context import RequestContext
from assistant.errors import AssistantError, ModelRefusedRequestError
from assistant.models import build_model, chain_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agents.items import ModelResponse, TResponseStreamEvent

    from assistant.models import ModelChain


class TurnModels(ModelProvider):
    """Provides the model of each agent in a turn.

    Args:
        chosen: The model that the user chose, for agents without their own model.
        context: The turn's context.
    """

    def __init__(self, chosen: str | None, context: AgentContext[RequestContext]) -> None:
        self._chosen = chosen
        self._context = context

    def get_model(self, model_name: str | None) -> Model:
        """Return the model of an agent with `model=model_name`."""
        request = self._context.request_context
        if isinstance(model_name, ModelObject):
            chain = chain_of(request.settings, model_name.model, str(model_name))
        else:
            chain = build_model(request.settings, model_name or self._chosen, request.caller)
        return HealingModel(chain, self._context)


class ModelObject(str):
    """An agent's model object in the form of a model's name.

    The Agents SDK calls a model object directly (openai-agents, 0.24.0). A name goes through `TurnModels`, so the model
    gets retries, the fallback and healed requests.
    """

    __slots__ = ("model",)
    model: Model

    @classmethod
    def of(cls, model: Model) -> ModelObject:
        """Return the name of a model object."""
        name = getattr(model, "model", None)
        named = cls(name if isinstance(name, str) and name else type(model).__name__)
        named.model = model
        return named


def name_model_objects(agents: Iterable[Agent[Any]]) -> None:
    """Replace the model object of each agent by its `ModelObject`."""
    for agent in agents:
        if isinstance(agent.model, Model):
            agent.model = ModelObject.of(agent.model)


class HealingModel(Model):
    """Sends a refused request again with fewer parts, and stores the left-out parts in the thread's metadata.

    If the request is refused in every form, the whole request goes to the fallback.

    Args:
        chain: The model that gets the requests.
        context: The turn's context.
    """

    def __init__(self, chain: ModelChain, context: AgentContext[RequestContext]) -> None:
        self._model = chain.raising_refusals()
        self._fallback = chain.fallback()
        self._context = context

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK's name
        *args: Any,
        **kwargs: Any,
    ) -> ModelResponse:
        """Return a whole response."""
        request = _Request(input, self._context)
        while True:
            given = await request.input()
            try:
                response = await self._model.get_response(system_instructions, given, *args, **kwargs)
            except ModelRefusedRequestError as error:
                if request.refused(error):
                    continue
                if self._fallback is None:
                    raise request.error from None
                try:
                    return await self._fallback.get_response(system_instructions, input, *args, **kwargs)
                except AssistantError:
                    raise request.error from None
            await request.accepted()
            return response

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK's name
        *args: Any,
        **kwargs: Any,
    ) -> AsyncIterator[TResponseStreamEvent]:
        """Stream a response. Send it again only if nothing was streamed yet."""
        request = _Request(input, self._context)
        while True:
            stream = self._model.stream_response(system_instructions, await request.input(), *args, **kwargs)
            started = False
            try:
                async with aclosing(cast("AsyncGenerator[TResponseStreamEvent, None]", stream)) as events:
                    async for event in events:
                        if not started:
                            started = True
                            await request.accepted()
                        yield event
                return
            except ModelRefusedRequestError as error:
                if started:
                    raise
                if request.refused(error):
                    continue
                if self._fallback is None:
                    raise request.error from None
                break
        stream = self._fallback.stream_response(system_instructions, input, *args, **kwargs)
        try:
            async with aclosing(cast("AsyncGenerator[TResponseStreamEvent, None]", stream)) as events:
                async for event in events:
                    started = True
                    yield event
        except AssistantError:
            if started:
                raise
            raise request.error from None


class _Request:
    """The input of one request, with fewer parts after each refusal."""

    def __init__(self, given: str | list[TResponseInputItem], context: AgentContext[RequestContext]) -> None:
        self._given = given
        self._context = context
        self._before = self._left_out = LeftOut.of(context.thread.metadata)
        self._steps: Iterator[LeftOut] = iter(()) if isinstance(given, str) else self._left_out.steps(given)
        self._refusals: list[ModelRefusedRequestError] = []

    async def input(self) -> str | list[TResponseInputItem]:
        """Return the input to send now."""
        return self._given if isinstance(self._given, str) else await self._left_out.without(self._given)

    @property
    def error(self) -> ModelRefusedRequestError:
        """The first refusal."""
        return self._refusals[0]

    def refused(self, error: ModelRefusedRequestError) -> bool:
        """Leave out more parts. Return False if there is nothing more to leave out."""
        self._refusals.append(error)
        following = next(self._steps, None)
        if following is not None:
            self._left_out = following
        return following is not None

    async def accepted(self) -> None:
        """Store the left-out parts in the metadata, and tell the user."""
        if self._left_out == self._before:
            return
        self._left_out.note(self._context.thread.metadata)
        await self._context.stream(NoticeEvent(level="warning", message=self._message()))

    def _message(self) -> str:
        items: Sequence[TResponseInputItem] = () if isinstance(self._given, str) else self._given
        new = [digest for digest in self._left_out.files if digest not in self._before.files]
        parts = refused_names(items, new)
        if self._left_out.tools and not self._before.tools:
            parts.append("details of earlier steps")
        if self._left_out.all_but_text and not self._before.all_but_text:
            parts.append("everything but text")
        return f"The model did not accept {_listed(parts)}. The answer was written without it."


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
