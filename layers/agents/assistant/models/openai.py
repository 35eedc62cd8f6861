"""OpenAI: the Responses API, or Chat Completions when `OPENAI_API=chat_completions`."""

from __future__ import annotations

import re
from dataclasses import replace

from agents import Model, ModelSettings
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from agents.models.openai_responses import OpenAIResponsesModel
from openai.types.shared import Reasoning

from assistant.errors import ConfigurationError
from assistant.models.capabilities import capabilities_of
from assistant.models.clients import client_of, load_client
from assistant.models.link import Link, ModelCall, on_chat_completions, refuse_hosted_tools, without_tools
from assistant.models.replay import for_responses
from assistant.settings import Settings

# Reasoning by default: o1 and its kin, gpt-5 and later. Such models refuse sampling parameters.
_REASONING_MODEL = re.compile(r"^(o\d|gpt-([5-9]|\d\d))(?!.*chat)")
# Without it a response that is not stored cannot be gone on from: the next request names reasoning by an id
# that OpenAI no longer knows.
_ENCRYPTED_REASONING = "reasoning.encrypted_content"


def reasons(model_name: str) -> bool:
    """Tell whether an OpenAI model reasons by default."""
    return _REASONING_MODEL.match(model_name) is not None


def _common(settings: Settings, call: ModelCall, model_name: str) -> ModelSettings:
    fitted = replace(call.settings, store=settings.openai_store)
    effort = fitted.reasoning.effort if fitted.reasoning else None
    if reasons(model_name) and effort != "none":
        fitted = replace(fitted, temperature=None, top_p=None)
    return fitted


def openai_link(settings: Settings, model_name: str | None = None) -> Link:
    """Describe OpenAI as a link of the chain.

    Args:
        settings: Key, base URL, default model, which API, and whether OpenAI may store responses.
        model_name: Another model than `OPENAI_DEFAULT_MODEL`.

    Raises:
        ConfigurationError: there is no key.
    """
    if not settings.openai_api_key:
        raise ConfigurationError("The provider `openai` needs OPENAI_API_KEY (on AWS: OPENAI_API_KEY_SECRET).")
    name = model_name or settings.openai_default_model

    def usable(call: ModelCall) -> ModelCall:
        return call if capabilities_of("openai", name).tools else without_tools(call)

    def prepare_responses(call: ModelCall) -> ModelCall:
        call = usable(call)
        fitted = _common(settings, call, name)
        if settings.openai_reasoning_summary is not None and reasons(name):
            reasoning = fitted.reasoning or Reasoning()
            shown = reasoning.model_copy(update={"summary": settings.openai_reasoning_summary})
            fitted = replace(fitted, reasoning=shown)
        if not settings.openai_store and reasons(name):
            include = [*(fitted.response_include or [])]
            if _ENCRYPTED_REASONING not in include:
                include.append(_ENCRYPTED_REASONING)
            fitted = replace(fitted, response_include=include)
        if isinstance(call.input, str):
            return replace(call, settings=fitted)
        return replace(call, settings=fitted, input=for_responses(call.input, stored=settings.openai_store))

    def prepare_chat_completions(call: ModelCall) -> ModelCall:
        refuse_hosted_tools(call, "openai")
        call = usable(call)
        fitted = replace(_common(settings, call, name), include_usage=True)
        if reasons(name) and (call.tools or call.handoffs):
            # gpt-6 models take function tools on Chat Completions only without reasoning.
            fitted = replace(fitted, reasoning=Reasoning(effort="none"))
        return on_chat_completions(call, fitted)

    async def responses() -> Model:
        return OpenAIResponsesModel(name, await client_of(settings, "openai"))

    async def chat_completions() -> Model:
        return OpenAIChatCompletionsModel(name, await client_of(settings, "openai"))

    load_client(settings.openai_api)
    on_responses = settings.openai_api == "responses"
    return Link(
        provider="openai",
        model_name=name,
        model_setting="OPENAI_DEFAULT_MODEL",
        key_setting="OPENAI_API_KEY",
        model=responses if on_responses else chat_completions,
        prepare=prepare_responses if on_responses else prepare_chat_completions,
    )
