"""Agents that a stock ChatKit server runs too: their tools use nothing but the SDKs.

`AGENT_FACTORY=tests.support.stock_agents:build_agent`
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from agents import (
    Agent,
    GuardrailFunctionOutput,
    RunContextWrapper,
    StopAtTools,
    ToolGuardrailFunctionOutput,
    ToolInputGuardrailData,
    ToolOutputGuardrailData,
    function_tool,
    input_guardrail,
    output_guardrail,
    tool_input_guardrail,
    tool_output_guardrail,
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


# --- Guardrails

# What an output guardrail withholds.
WITHHELD = "never"
# Tool guardrails refuse the first of these arguments, and end the run at the second.
REFUSED, ENDS_RUN = "refused", "ends the run"


class Model:
    """What the scripted model of a turn has done.

    Attributes:
        sent: The events that it has sent; infinite once an answer is complete, when the SDK may wait for guardrails.
    """

    sent: float = 0


MODEL = Model()


def refused_after(events: int) -> str:
    """Return a message that the input guardrail refuses once the model has sent so many events."""
    return f"Refuse this after {events}."


def _verdict(argument: object) -> ToolGuardrailFunctionOutput:
    if ENDS_RUN in str(argument):
        return ToolGuardrailFunctionOutput.raise_exception()
    if REFUSED in str(argument):
        return ToolGuardrailFunctionOutput.reject_content("Not this one.")
    return ToolGuardrailFunctionOutput.allow()


@tool_input_guardrail
def check_call(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
    """Judge a call by its arguments."""
    return _verdict(data.context.tool_arguments)


@tool_output_guardrail
def check_result(data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
    """Judge a call by its result."""
    return _verdict(data.output)


@function_tool(tool_input_guardrails=[check_call])
async def checked_before(context: Context, what: str) -> str:
    """Show a step, unless the guardrail refuses it."""
    await context.context.add_workflow_task(CustomTask(title=what))
    return "done"


@function_tool(tool_output_guardrails=[check_result])
async def checked_after(context: Context, what: str) -> str:
    """Show a step, whose result the guardrail may refuse."""
    await context.context.add_workflow_task(CustomTask(title=what))
    return what


@input_guardrail
async def judge_question(context: RunContextWrapper[Any], agent: Agent[Any], given: Any) -> GuardrailFunctionOutput:
    """Refuse a message if it says so, at the moment that it says."""
    refused = re.search(r"Refuse this after (\d+)", str(given[-1]))
    # A round of the event loop at a time, as the scripted model goes on.
    while refused and int(refused[1]) > MODEL.sent:  # noqa: ASYNC110 - the scripted model counts, and has no event
        await asyncio.sleep(0)
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=refused is not None)


@output_guardrail
async def judge_answer(context: RunContextWrapper[Any], agent: Agent[Any], output: Any) -> GuardrailFunctionOutput:
    """Refuse an answer by its words."""
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=WITHHELD in str(output))


# --- Agents

SHOWN = [look_up, fail, note, show_card, tell, retitle]
CHECKED = [checked_before, checked_after]


def build_agent(settings: object) -> Agent[Any]:
    """Return an agent with all tools and with guardrails, which may hand over to a specialist with the same tools."""
    stop = StopAtTools(stop_at_tool_names=["ask_browser"])
    tools: list[Any] = [*SHOWN, *CHECKED, ask_browser]
    specialist = Agent[Any](
        name="Specialist",
        instructions="You know.",
        tools=tools,
        tool_use_behavior=stop,
        output_guardrails=[judge_answer],
    )
    return Agent[Any](
        name="Helper",
        instructions="You help.",
        tools=tools,
        handoffs=[specialist],
        tool_use_behavior=stop,
        input_guardrails=[judge_question],
        output_guardrails=[judge_answer],
    )
