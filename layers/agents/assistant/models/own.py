"""A model object that an agent of the package brings along, as a link of the chain."""

from __future__ import annotations

from agents import Model
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel

from assistant.models.link import Link, ModelCall, on_chat_completions


def own_link(model: Model, name: str) -> Link:
    """Return the link of a model object. Its calls get retries, the turn's deadline and the fallback.

    Args:
        model: The object. Its client should not retry: the chain retries.
        name: Its name in the log.
    """

    def prepare(call: ModelCall) -> ModelCall:
        is_chat = isinstance(model, OpenAIChatCompletionsModel)
        return on_chat_completions(call, call.settings) if is_chat else call

    async def itself() -> Model:
        return model

    return Link(
        provider=f"agent:{name}", model_name=name, model_setting="", key_setting="", model=itself, prepare=prepare
    )
