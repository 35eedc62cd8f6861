"""The model calls of a job: each is claimed before it runs, and counts for the user and the tenant as a turn's do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from agents import Agent, Model, Runner

from assistant import quotas
from assistant.agent import run_config
from assistant.context import RequestContext
from assistant.errors import UnsupportedFeatureError
from assistant.models import Meter, build_model, chain_of, input_tokens, metered
from assistant.prices import MILLION

if TYPE_CHECKING:
    from agents import TResponseInputItem
    from agents.items import ModelResponse, TResponseStreamEvent

    from assistant.models import ModelChain


async def run_agent(
    agent: Agent[Any], given: str | list[TResponseInputItem], context: RequestContext, max_turns: int
) -> Any:
    """Run an agent and return its final output; see `Job.run_agent`."""
    model = CountedModel(_chain(agent, context), context)
    config = run_config(context.settings, model)
    result = await Runner.run(agent, given, context=context, max_turns=max_turns, run_config=config)
    return result.final_output


def _chain(agent: Agent[Any], context: RequestContext) -> ModelChain:
    if isinstance(agent.model, Model):
        return chain_of(context.settings, agent.model, type(agent.model).__name__)
    return build_model(context.settings, agent.model, context.caller)


class CountedModel(Model):
    """A model whose calls are claimed.

    Args:
        chain: The model that gets the requests.
        context: A context of the user who pays.
    """

    def __init__(self, chain: ModelChain, context: RequestContext) -> None:
        self._chain = chain
        self._context = context

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK's name
        *args: Any,
        **kwargs: Any,
    ) -> ModelResponse:
        """Return a whole response.

        Raises:
            QuotaExceededError: a limit of the day is reached.
            ModelsStoppedError: the operator has stopped all paid calls.
        """
        async with self._claimed(input_tokens(system_instructions, input)):
            return await self._chain.get_response(system_instructions, input, *args, **kwargs)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[TResponseStreamEvent]:
        """Refuse to stream: nobody reads it."""
        raise UnsupportedFeatureError("The agent of a job cannot stream.")

    @asynccontextmanager
    async def _claimed(self, tokens: int) -> AsyncIterator[None]:
        context, settings, meter = self._context, self._context.settings, Meter()
        estimate = quotas.estimate_call(self._chain.model_name, tokens, settings)
        claimed = await quotas.claim("call", context, estimate.spend / MILLION, estimate.tokens)
        try:
            with metered(meter):
                yield
        finally:
            models = quotas.used_by_model(meter, settings)
            await quotas.settle(claimed, context, dollars=quotas.spent(meter, settings), models=models)
