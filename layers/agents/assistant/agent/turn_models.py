"""Wrap the model of each agent, so that a refused request is sent again in a form that the provider accepts.

A provider refuses a request if its history has something that the model does not accept, such as a picture. The same
history goes into every later request. So without a change, every later turn of the thread would fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from agents import Agent, Model, ModelProvider, TResponseInputItem
from chatkit.agents import AgentContext
from chatkit.types import NoticeEvent

from assistant.agent.healing import MAX_REFUSALS, Ladder, ladder_of, told
from assistant.agent.left_out import LeftOut, Texts
from assistant.context import RequestContext
from assistant.errors import AssistantError, ModelContentFilteredError, ModelError, ModelRefusedRequestError
from assistant.models import build_model, chain_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agents.items import ModelResponse, TResponseStreamEvent

    from assistant.models import ModelChain

FILTERED = "The model's content filter refused this message, so later answers leave it out. Please rephrase it."


class TurnModels(ModelProvider):
    """Provides the model of each agent in a turn.

    Args:
        chosen: The model that the user chose, for agents without their own model.
        context: The turn's context.
        message: The id of the thread's newest message.
    """

    def __init__(self, chosen: str | None, context: AgentContext[RequestContext], message: str | None = None) -> None:
        self._chosen = chosen
        self._context = context
        self._healing = _Healing(context, message)

    def get_model(self, model_name: str | None) -> Model:
        """Return the model of an agent with `model=model_name`."""
        request = self._context.request_context
        if isinstance(model_name, ModelObject):
            chain = chain_of(request.settings, model_name.model, str(model_name))
        else:
            chain = build_model(request.settings, model_name or self._chosen, request.caller)
        return HealingModel(chain, self._healing)


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
    """Sends a refused request again with fewer parts.

    If the request is refused in every form, the whole request goes to the fallback. A request that a content filter
    has refused goes to no other provider.

    Args:
        chain: The model that gets the requests.
        healing: The parts that the turn leaves out.
    """

    def __init__(self, chain: ModelChain, healing: _Healing) -> None:
        self._chain = chain.raising_refusals()
        self._alone = chain.without_fallback()
        self._fallback = chain.fallback()
        self._healing = healing

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK's name
        *args: Any,
        **kwargs: Any,
    ) -> ModelResponse:
        """Return a whole response."""
        request = _Request(input, self._healing)
        while True:
            model = self._alone if request.filtered else self._chain
            try:
                response = await model.get_response(system_instructions, await request.input(), *args, **kwargs)
            except ModelError as error:
                if request.failed(error):
                    continue
                if self._fallback is None or not request.may_go_elsewhere:
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
        request = _Request(input, self._healing)
        while True:
            model = self._alone if request.filtered else self._chain
            stream = model.stream_response(system_instructions, await request.input(), *args, **kwargs)
            started = False
            try:
                async with aclosing(cast("AsyncGenerator[TResponseStreamEvent, None]", stream)) as events:
                    async for event in events:
                        if not started:
                            started = True
                            await request.accepted()
                        yield event
                return
            except ModelError as error:
                if started:
                    raise
                if request.failed(error):
                    continue
                if self._fallback is None or not request.may_go_elsewhere:
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


class _Healing:
    """The parts that one turn leaves out of its requests."""

    def __init__(self, context: AgentContext[RequestContext], message: str | None) -> None:
        self.left_out = LeftOut.of(context.thread.metadata)
        self.texts: Texts = {}
        self._context = context
        self._message = message

    async def accept(self, left_out: LeftOut, given: list[TResponseInputItem], *, remember: bool) -> None:
        """Use these parts for the rest of the turn, and tell the user.

        Args:
            left_out: The parts that an accepted request left out.
            given: The whole request.
            remember: Whether later turns leave the parts out from the start.
        """
        before, self.left_out = self.left_out, left_out
        if remember:
            left_out.note(self._context.thread.metadata, self._message)
        for sentence in told(before, left_out, given, self.texts):
            await self._context.stream(NoticeEvent(level="warning", message=sentence))


class _Request:
    """The input of one request, with fewer parts after each refusal."""

    def __init__(self, given: str | list[TResponseInputItem], healing: _Healing) -> None:
        self._given = given
        self._healing = healing
        self._left_out = healing.left_out
        self._errors: list[ModelError] = []
        self._ladder: Ladder | None = None
        self._steps: Iterator[LeftOut] = iter(())

    async def input(self) -> str | list[TResponseInputItem]:
        """Return the input to send now."""
        if isinstance(self._given, str) or self._left_out == LeftOut():
            return self._given
        return await self._left_out.without(self._given, self._healing.texts)

    @property
    def filtered(self) -> bool:
        """Whether a content filter has refused the request."""
        return any(isinstance(error, ModelContentFilteredError) for error in self._errors)

    @property
    def may_go_elsewhere(self) -> bool:
        """Whether the whole request may go to the fallback."""
        return not self.filtered and isinstance(self._errors[-1], ModelRefusedRequestError)

    @property
    def error(self) -> ModelError:
        """The error for the caller, after the last attempt."""
        if not self.filtered:
            return self._errors[0]
        error = ModelContentFilteredError(FILTERED)
        error.of_message = True
        return error

    def failed(self, error: ModelError) -> bool:
        """Leave out more parts. Return False if a smaller request must not be sent or cannot help."""
        self._errors.append(error)
        ladder = ladder_of(error)
        if error.has_effect or ladder is None or isinstance(self._given, str) or len(self._errors) > MAX_REFUSALS:
            return False
        if ladder is not self._ladder:
            self._ladder, self._steps = ladder, ladder(self._left_out, self._given)
        following = next(self._steps, None)
        if following is not None:
            self._left_out = following
        return following is not None

    async def accepted(self) -> None:
        """Note and tell the parts that were left out."""
        if self._left_out != self._healing.left_out and not isinstance(self._given, str):
            # An outage ends by itself. It must not cost the thread its files.
            remember = not any(error.files_in_doubt for error in self._errors)
            await self._healing.accept(self._left_out, self._given, remember=remember)
