"""One provider (`Link`) and one call to it (`ModelCall`) as plain values."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agents import Model, ModelSettings
from agents.models.interface import ModelTracing
from agents.tool import FunctionTool, Tool

from assistant.errors import UnsupportedFeatureError
from assistant.models.capabilities import Capabilities, fit_items, with_instructions
from assistant.models.replay import for_chat

if TYPE_CHECKING:
    from agents.agent_output import AgentOutputSchemaBase
    from agents.handoffs import Handoff
    from agents.items import ModelResponse, TResponseInputItem, TResponseStreamEvent
    from openai.types.responses.response_prompt_param import ResponsePromptParam


@dataclass(frozen=True)
class ModelCall:
    """The arguments of `agents.Model.stream_response` and `get_response` as one value."""

    instructions: str | None
    input: str | list[TResponseInputItem]
    settings: ModelSettings
    tools: list[Tool]
    output_schema: AgentOutputSchemaBase | None
    handoffs: list[Handoff[Any, Any]]
    tracing: ModelTracing = ModelTracing.DISABLED
    previous_response_id: str | None = None
    conversation_id: str | None = None
    prompt: ResponsePromptParam | None = None

    def stream(self, model: Model) -> AsyncIterator[TResponseStreamEvent]:
        """Start the call as a stream."""
        return model.stream_response(
            self.instructions,
            self.input,
            self.settings,
            self.tools,
            self.output_schema,
            self.handoffs,
            self.tracing,
            previous_response_id=self.previous_response_id,
            conversation_id=self.conversation_id,
            prompt=self.prompt,
        )

    async def response(self, model: Model) -> ModelResponse:
        """Make the call and return the whole response."""
        return await model.get_response(
            self.instructions,
            self.input,
            self.settings,
            self.tools,
            self.output_schema,
            self.handoffs,
            self.tracing,
            previous_response_id=self.previous_response_id,
            conversation_id=self.conversation_id,
            prompt=self.prompt,
        )


def as_it_is(call: ModelCall) -> ModelCall:
    """Return the call unchanged."""
    return call


@dataclass(frozen=True)
class Link:
    """One provider of the chain.

    Attributes:
        provider: Its name in the settings, or the name of a provider of the agents' package.
        model_name: The requested model.
        model_setting: The environment variable that names the model.
        key_setting: The environment variable that holds the key, or an empty text.
        model: Returns the SDK's model for the running event loop.
        prepare: Adapts a call to this provider.
    """

    provider: str
    model_name: str
    model_setting: str
    key_setting: str
    model: Callable[[], Awaitable[Model]]
    prepare: Callable[[ModelCall], ModelCall] = as_it_is


# Only OpenAI's API accepts these settings. Other servers answer 400 to some of them.
_OPENAI_ONLY_SETTINGS: dict[str, None] = {
    "store": None,
    "metadata": None,
    "verbosity": None,
    "prompt_cache_retention": None,
    "prompt_cache_options": None,
    "response_include": None,
    "context_management": None,
    "truncation": None,
}


def for_chat_completions(call: ModelCall, provider: str, known: Capabilities | None = None) -> ModelCall:
    """Adapt a call to a Chat Completions server other than OpenAI's.

    Args:
        call: The call.
        provider: The link's provider.
        known: The server's capabilities; None for the defaults.

    Raises:
        UnsupportedFeatureError: the agent has a tool that runs at OpenAI.
    """
    refuse_hosted_tools(call, provider)
    known = known or Capabilities()
    if not known.tools:
        call = without_tools(call)
    if not known.system_role and call.instructions:
        call = replace(call, instructions=None, input=with_instructions(call.instructions, call.input))
    fitted = replace(call.settings, include_usage=True if known.stream_options else None, **_OPENAI_ONLY_SETTINGS)
    if not known.tool_choice:
        fitted = replace(fitted, tool_choice=None)
    if not known.parallel_tool_calls:
        fitted = replace(fitted, parallel_tool_calls=None)
    if not known.reasoning_effort:
        fitted = replace(fitted, reasoning=None)
    if not known.temperature:
        fitted = replace(fitted, temperature=None, top_p=None)
    on_chat = on_chat_completions(call, fitted)
    return on_chat if isinstance(on_chat.input, str) else replace(on_chat, input=fit_items(on_chat.input, known))


def without_tools(call: ModelCall) -> ModelCall:
    """Return the call without tools and handoffs, for a model that cannot use them."""
    settings = replace(call.settings, tool_choice=None, parallel_tool_calls=None)
    return replace(call, tools=[], handoffs=[], settings=settings)


def on_chat_completions(call: ModelCall, settings: ModelSettings) -> ModelCall:
    """Adapt a call to Chat Completions, which has no state on the server and fewer kinds of items."""
    items = call.input if isinstance(call.input, str) else for_chat(call.input)
    return replace(call, input=items, settings=settings, previous_response_id=None, conversation_id=None, prompt=None)


def refuse_hosted_tools(call: ModelCall, provider: str) -> None:
    """Raise `UnsupportedFeatureError` if the agent has a tool that only the Responses API can run."""
    for tool in call.tools:
        if not isinstance(tool, FunctionTool):
            raise UnsupportedFeatureError(
                f"The model of this assistant cannot use the tool `{tool.name}`. Please contact the administrator.",
                fix=f"The tool `{tool.name}` runs at OpenAI, and the provider is `{provider}`. Remove the tool.",
            )
