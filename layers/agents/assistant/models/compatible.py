"""Any server with OpenAI's Chat Completions API, such as vLLM, Ollama or a gateway. Recipes: docs/models.md."""

from __future__ import annotations

from agents import Model
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel

from assistant.errors import ConfigurationError
from assistant.models.capabilities import Capabilities, capabilities_of, replays_reasoning
from assistant.models.clients import client_of, load_client
from assistant.models.link import Link, ModelCall, for_chat_completions
from assistant.settings import Settings


def compatible_link(settings: Settings, model_name: str | None = None) -> Link:
    """Return the link of a compatible server.

    Args:
        settings: `LLM_BASE_URL`, `LLM_API_KEY` (optional) and `LLM_DEFAULT_MODEL`.
        model_name: A model instead of `LLM_DEFAULT_MODEL`.

    Raises:
        ConfigurationError: no model is set.
    """
    name = model_name or settings.llm_default_model
    if not name:
        raise ConfigurationError("The provider `compatible` needs LLM_DEFAULT_MODEL.")

    def known() -> Capabilities:
        return capabilities_of("compatible", name, settings.llm_capabilities)

    def prepare(call: ModelCall) -> ModelCall:
        return for_chat_completions(call, "compatible", known())

    async def model() -> Model:
        return OpenAIChatCompletionsModel(
            name,
            await client_of(settings, "compatible"),
            should_replay_reasoning_content=lambda context: replays_reasoning(context, known()),
        )

    load_client("chat_completions")
    return Link(
        provider="compatible",
        model_name=name,
        model_setting="LLM_DEFAULT_MODEL",
        key_setting="LLM_API_KEY",
        model=model,
        prepare=prepare,
    )
