"""Wrap the model of each agent, so that a refused request is sent again in a form that the provider accepts.

A provider refuses a request if its history has something that the model does not accept, such as a picture. The same
history goes into every later request. So without a change, every later turn of the thread would fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from agents import Agent, Model, ModelProvider, TResponseInputItem
from chatkit.agents import AgentContext

from assistant import quotas
from assistant.agent.healed_request import Healing, Request
from assistant.agent.marks import clean_arguments
from assistant.agent.pictures import affordable
from assistant.context import RequestContext
from assistant.errors import AssistantError, ModelError
from assistant.models import build_model, chain_of, input_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agents import ModelSettings
    from agents.items import ModelResponse, TResponseStreamEvent
    from agents.tool import Tool

    from assistant.models import ModelChain


# openai-agents, 0.24.0, has this mark for its own errors (`agents.exceptions`) and no public name for it. A test of a
# call at the provider with a slow table fails without it.
_AFTER_WHAT_CAME = "_agents_drain_queued_stream_events"


def after_what_came(error: Exception) -> None:
    """Mark a failure of a model, so that all its events before the failure reach the turn.

    The SDK reads the model in a task of its own. If a run fails, it drops the events that wait between that task and
    the turn. The user would lose the last words, and the thread a call that the provider has made.
    """
    setattr(error, _AFTER_WHAT_CAME, True)


def comes_after_events(error: Exception) -> bool:
    """Tell whether all events before a failure have to reach the turn."""
    return bool(getattr(error, _AFTER_WHAT_CAME, False))


class TurnModels(ModelProvider):
    """Provides the model of each agent in a turn.

    Args:
        chosen: The model that the user chose, for agents without their own model.
        context: The turn's context.
        message: The id of the thread's newest message.
        names: The models to use in place of others; None for the user's choice.
    """

    def __init__(
        self,
        chosen: str | None,
        context: AgentContext[RequestContext],
        message: str | None = None,
        names: Mapping[str, str | None] | None = None,
    ) -> None:
        self._chosen = chosen
        self._names = names or {}
        self._context = context
        self._healing = Healing(context, message)

    def get_model(self, model_name: str | None) -> Model:
        """Return the model of an agent with `model=model_name`."""
        request = self._context.request_context
        if model_name is not None:
            model_name = self._names.get(model_name, model_name)
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

    def __init__(self, chain: ModelChain, healing: Healing) -> None:
        self._chain = chain.raising_refusals()
        self._alone = chain.without_fallback()
        self._fallback = chain.fallback()
        self._healing = healing

    async def _affordable(
        self, instructions: str | None, given: str | list[TResponseInputItem], tools: Sequence[Tool]
    ) -> list[Tool]:
        """Reserve what the next call needs, and return the tools for it.

        Raises:
            TurnOverLimitError: a limit of the day is reached.
        """
        context, model = self._healing.context, self._chain.model_name
        await quotas.reserve_call(context.request_context, model, lambda: input_tokens(instructions, given))
        return await affordable(tools, context)

    def _without_marks(self, event: TResponseStreamEvent) -> TResponseStreamEvent:
        context = self._healing.context.request_context
        if event.type == "response.output_item.done":
            clean_arguments([event.item], context)
        elif event.type == "response.completed":
            clean_arguments(event.response.output, context)
        return event

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK's name
        model_settings: ModelSettings,
        tools: list[Tool],
        *args: Any,
        **kwargs: Any,
    ) -> ModelResponse:
        """Return a whole response."""
        request = Request(input, self._healing)
        args = (model_settings, await self._affordable(system_instructions, input, tools), *args)
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
                    response = await self._fallback.get_response(system_instructions, input, *args, **kwargs)
                except AssistantError:
                    raise request.error from None
                clean_arguments(response.output, self._healing.context.request_context)
                return response
            await request.accepted(tools_left_out=model.tools_left_out)
            clean_arguments(response.output, self._healing.context.request_context)
            return response

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK's name
        model_settings: ModelSettings,
        tools: list[Tool],
        *args: Any,
        **kwargs: Any,
    ) -> AsyncIterator[TResponseStreamEvent]:
        """Stream a response. Send it again only if the user has seen nothing but reasoning."""
        request = Request(input, self._healing)
        args = (model_settings, await self._affordable(system_instructions, input, tools), *args)
        while True:
            model = self._alone if request.filtered else self._chain
            stream = model.stream_response(system_instructions, await request.input(), *args, **kwargs)
            accepted = False
            try:
                async with aclosing(cast("AsyncGenerator[TResponseStreamEvent, None]", stream)) as events:
                    async for event in events:
                        if model.answered and not accepted:
                            accepted = True
                            await request.accepted(tools_left_out=model.tools_left_out)
                        yield self._without_marks(event)
                return
            except ModelError as error:
                if model.answered:
                    after_what_came(error)
                    raise
                if request.failed(error):
                    continue
                if self._fallback is None or not request.may_go_elsewhere:
                    raise request.error from None
                break
        started = False
        stream = self._fallback.stream_response(system_instructions, input, *args, **kwargs)
        try:
            async with aclosing(cast("AsyncGenerator[TResponseStreamEvent, None]", stream)) as events:
                async for event in events:
                    started = True
                    yield self._without_marks(event)
        except AssistantError as error:
            if started:
                after_what_came(error)
                raise
            raise request.error from None
