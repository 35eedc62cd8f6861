"""Describe a model's request for the log: where it goes, and its settings. It has no key and no text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents import Model
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from agents.models.openai_responses import OpenAIResponsesModel

from assistant.models.link import Link, ModelCall

if TYPE_CHECKING:
    import httpx2

# Others, such as `extra_headers`, may hold keys or texts.
_SHOWN = (
    "temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty", "verbosity", "truncation", "store",
    "parallel_tool_calls",
)  # fmt: skip


def request_settings(link: Link, call: ModelCall, model: Model) -> dict[str, object]:
    """Return the settings of a request that are set.

    Args:
        link: The provider.
        call: The call as the provider gets it.
        model: The SDK's model.
    """
    settings = call.settings
    reasoning = settings.reasoning
    found: dict[str, object | None] = {
        "model": link.model_name,
        "base_url": _base_url(model),
        "api": _api(model),
        **{name: getattr(settings, name) for name in _SHOWN},
        "effort": None if reasoning is None else reasoning.effort,
        "summary": None if reasoning is None else reasoning.summary,
        "tool_choice": settings.tool_choice if isinstance(settings.tool_choice, str) else None,
        "tools": len(call.tools) + len(call.handoffs),
        "output_schema": None if call.output_schema is None else call.output_schema.name(),
    }
    return {name: value for name, value in found.items() if value is not None}


def _api(model: Model) -> str | None:
    match model:
        case OpenAIResponsesModel():
            return "responses"
        case OpenAIChatCompletionsModel():
            return "chat_completions"
        case _:
            return None


def _base_url(model: Model) -> str | None:
    """Return the address that an SDK's model calls, without a user, a password and a query."""
    url: httpx2.URL | None = getattr(getattr(model, "_client", None), "base_url", None)
    return None if url is None else str(url.copy_with(username=None, password=None, query=None))
