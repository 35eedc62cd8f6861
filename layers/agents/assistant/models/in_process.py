"""Models that are not reached over HTTP: what the demo model and the local one have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from agents import Model, ModelResponse, Usage

from assistant.models.emit import ResponseWriter
from assistant.models.link import ModelCall

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agents import ModelSettings
    from agents.agent_output import AgentOutputSchemaBase
    from agents.handoffs import Handoff
    from agents.items import TResponseInputItem, TResponseStreamEvent
    from agents.models.interface import ModelTracing
    from agents.tool import Tool
    from openai.types.responses.response_prompt_param import ResponsePromptParam


class InProcessModel(Model):
    """An `agents.Model` that writes its answers itself.

    Args:
        name: What it calls itself.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @abstractmethod
    def answer(self, call: ModelCall, writer: ResponseWriter) -> AsyncGenerator[TResponseStreamEvent, None]:
        """Yield the events of an answer, from `writer.begin` to `writer.complete`."""

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff[Any, Any]],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None = None,
        conversation_id: str | None = None,
        prompt: ResponsePromptParam | None = None,
    ) -> ModelResponse:
        """Return the whole answer."""
        call = ModelCall(system_instructions, input, model_settings, tools, output_schema, handoffs, tracing)
        writer = ResponseWriter(self._name)
        usage = Usage(requests=1)
        async for event in self.answer(call, writer):
            if event.type == "response.completed" and event.response.usage is not None:
                usage.input_tokens = event.response.usage.input_tokens
                usage.output_tokens = event.response.usage.output_tokens
                usage.total_tokens = event.response.usage.total_tokens
        return ModelResponse(output=writer.output, usage=usage, response_id=writer.response_id)

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff[Any, Any]],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None = None,
        conversation_id: str | None = None,
        prompt: ResponsePromptParam | None = None,
    ) -> AsyncIterator[TResponseStreamEvent]:
        """Stream the answer as it is written."""
        call = ModelCall(system_instructions, input, model_settings, tools, output_schema, handoffs, tracing)
        async with aclosing(self.answer(call, ResponseWriter(self._name))) as events:
            async for event in events:
                yield event
