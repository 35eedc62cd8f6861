"""Google's Gemini through its OpenAI-compatible endpoint (Chat Completions).

Thought signatures: Gemini 3 signs the first function call of each step. It refuses (400) a later request that replays
the call without its signature. The path of a signature with openai-agents 0.24.0:

1. `assistant.models.chunks` puts the signature on its call, as `extra_content.google.thought_signature`.
2. The SDK keeps it in `provider_data["thought_signature"]` of the `ResponseFunctionToolCall`.
3. `ToolCallItem.to_input_item()` returns a plain dictionary with `provider_data`. A history that stores this dictionary
   unchanged keeps the signature. A history that builds the item from name and arguments loses it.
4. The SDK sends the signature back as `extra_content` when the model's name contains "gemini". It removes
   `provider_data` when the same history goes to OpenAI's Responses API.

A call of another model has no signature. `fill_signatures` gives it the value that Google defines for such calls.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from agents import Model
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel

from assistant.errors import ConfigurationError
from assistant.models.capabilities import capabilities_of
from assistant.models.clients import client_of, load_client
from assistant.models.link import Link, ModelCall, for_chat_completions
from assistant.settings import Settings

if TYPE_CHECKING:
    from agents.items import TResponseInputItem

# For the calls of another model in the history:
# https://ai.google.dev/gemini-api/docs/thought-signatures
UNSIGNED_CALL = "skip_thought_signature_validator"


def fill_signatures(items: list[TResponseInputItem]) -> list[TResponseInputItem]:
    """Return the items with a signature on the first function call of each step.

    Args:
        items: The model's input. It is not changed.
    """
    filled: list[TResponseInputItem] = []
    in_step = False
    for item in items:
        fields = cast(dict[str, Any], item)
        is_call = fields.get("type") == "function_call"
        if is_call and not in_step:
            data = fields.get("provider_data") or {}
            if not data.get("thought_signature"):
                marked = {**fields, "provider_data": {**data, "thought_signature": UNSIGNED_CALL}}
                item = cast("TResponseInputItem", marked)
        in_step = is_call
        filled.append(item)
    return filled


def gemini_link(settings: Settings, model_name: str | None = None) -> Link:
    """Return the link of Gemini.

    Args:
        settings: Key, base URL and default model.
        model_name: A model instead of `GEMINI_DEFAULT_MODEL`.

    Raises:
        ConfigurationError: no key is set.
    """
    if not settings.gemini_api_key:
        raise ConfigurationError("The provider `gemini` needs GEMINI_API_KEY (on AWS: GEMINI_API_KEY_SECRET).")
    name = model_name or settings.gemini_default_model

    def prepare(call: ModelCall) -> ModelCall:
        fitted = for_chat_completions(call, "gemini", capabilities_of("gemini", name))
        if isinstance(fitted.input, str):
            return fitted
        return replace(fitted, input=fill_signatures(fitted.input))

    async def model() -> Model:
        return OpenAIChatCompletionsModel(name, await client_of(settings, "gemini"))

    load_client("chat_completions")
    return Link(
        provider="gemini",
        model_name=name,
        model_setting="GEMINI_DEFAULT_MODEL",
        key_setting="GEMINI_API_KEY",
        model=model,
        prepare=prepare,
    )
