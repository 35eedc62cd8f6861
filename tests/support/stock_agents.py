"""Agents that a stock ChatKit server runs too: their tools use nothing but the SDKs.

`AGENT_FACTORY=tests.support.stock_agents:build_agent`
"""

from __future__ import annotations

from typing import Any

from agents import (
    Agent,
    GuardrailFunctionOutput,
    RunContextWrapper,
    StopAtTools,
    function_tool,
    input_guardrail,
    output_guardrail,
)
from chatkit.agents import AgentContext, ClientToolCall
from chatkit.types import ClientEffectEvent, CustomTask, NoticeEvent, ProgressUpdateEvent
from chatkit.widgets import DynamicWidgetRoot

FACTORY = "tests.support.stock_agents:build_agent"
Context = RunContextWrapper[AgentContext[Any]]


@function_tool
async def look_up(context: Context, what: str) -> str:
    """Look something up, and show nothing."""
    return f"found {what}"


@function_tool
async def fail(context: Context, what: str) -> str:
    """Fail."""
    raise RuntimeError(what)


@function_tool
async def note(context: Context, what: str) -> str:
    """Show a step of a workflow."""
    await context.context.add_workflow_task(CustomTask(title=what))
    return "noted"


@function_tool
async def show_card(context: Context, what: str) -> str:
    """Show a widget."""
    card = {"type": "Card", "children": [{"type": "Text", "value": what}]}
    await context.context.stream_widget(DynamicWidgetRoot.model_validate(card))
    return "shown"


@function_tool
async def tell(context: Context, what: str) -> str:
    """Tell of progress, with a notice and an effect in the page."""
    await context.context.stream(ProgressUpdateEvent(text=what))
    await context.context.stream(NoticeEvent(level="info", message=what))
    await context.context.stream(ClientEffectEvent(name="flash", data={"what": what}))
    return "told"


@function_tool
async def retitle(context: Context, what: str) -> str:
    """Give the thread a title."""
    context.context.thread.title = what
    return "named"


@function_tool
async def ask_browser(context: Context, what: str) -> str:
    """Ask the page."""
    context.context.client_tool_call = ClientToolCall(name="browser", arguments={"what": what})
    return "asked"


@input_guardrail
async def allow_question(context: RunContextWrapper[Any], agent: Agent[Any], given: Any) -> GuardrailFunctionOutput:
    """Let each message pass."""
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)


@output_guardrail
async def allow_answer(context: RunContextWrapper[Any], agent: Agent[Any], output: Any) -> GuardrailFunctionOutput:
    """Let each answer pass."""
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)


SHOWN = [look_up, fail, note, show_card, tell, retitle]


def build_agent(settings: object) -> Agent[Any]:
    """Return an agent with all tools and with guardrails, which may hand over to a specialist with the same tools."""
    stop = StopAtTools(stop_at_tool_names=["ask_browser"])
    tools: list[Any] = [*SHOWN, ask_browser]
    specialist = Agent[Any](name="Specialist", instructions="You know.", tools=tools, tool_use_behavior=stop)
    return Agent[Any](
        name="Helper",
        instructions="You help.",
        tools=tools,
        handoffs=[specialist],
        tool_use_behavior=stop,
        input_guardrails=[allow_question],
        output_guardrails=[allow_answer],
    )
