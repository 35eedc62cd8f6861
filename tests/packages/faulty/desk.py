"""The agent."""

from __future__ import annotations

from typing import Any

from agents import Agent, ModelSettings, RunContextWrapper, Tool

from assistant.settings import Settings
from faulty.tools import TOOLS, interrupt_again


def instructions(context: RunContextWrapper[Any], agent: Agent[Any]) -> str:
    """Fail for one user."""
    if context.context.request_context.caller.user_id == "uninstructed":
        raise ValueError("canary of the instructions")
    return "Help."


def desk(settings: Settings) -> Agent[Any]:
    """Return the agent."""
    wanted = ModelSettings(temperature=0.25, extra_headers={"x-own": "canary of a header"})
    helper = Agent[Any](name="Helper", instructions="Help the desk.", tools=[interrupt_again])
    tools: list[Tool] = [*TOOLS, helper.as_tool("helper", "Help.")]
    return Agent(name="Desk", instructions=instructions, tools=tools, model_settings=wanted)
