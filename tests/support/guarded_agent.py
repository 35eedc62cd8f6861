"""An agent whose input guardrail trips while a tool runs that has already shown something."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from agents import Agent, GuardrailFunctionOutput, RunContextWrapper, function_tool, input_guardrail
from agents.tool_context import ToolContext
from chatkit.agents import AgentContext
from chatkit.widgets import DynamicWidgetRoot

from assistant.context import RequestContext
from assistant.settings import Settings

# The threads whose card was being shown when its tool was cancelled.
cancelled: list[str] = []


def build_agent(settings: Settings) -> Agent[AgentContext[RequestContext]]:
    """Return the agent."""
    shown: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @function_tool
    async def show_card(context: ToolContext[AgentContext[RequestContext]]) -> str:
        """Show a card, and never come to an end."""
        card = {"type": "Card", "children": [{"type": "Text", "value": "Look"}]}
        await context.context.stream_widget(DynamicWidgetRoot.model_validate(card))
        shown[context.context.thread.id].set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(context.context.thread.id)
            raise
        return "It is on the screen."

    @input_guardrail
    async def late(context: RunContextWrapper[Any], agent: Agent[Any], given: Any) -> GuardrailFunctionOutput:
        await shown[context.context.thread.id].wait()
        return GuardrailFunctionOutput(output_info="Not here, please.", tripwire_triggered=True)

    return Agent(name="Guarded", instructions="You show cards.", tools=[show_card], input_guardrails=[late])
