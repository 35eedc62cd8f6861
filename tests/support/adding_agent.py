"""The smallest agent with a tool, for `AGENT_FACTORY=tests.support.adding_agent:build_agent`."""

from __future__ import annotations

from typing import Any

from agents import Agent, function_tool

from assistant.models import build_model
from assistant.settings import Settings


@function_tool
def add(left: int, right: int) -> str:
    """Add two numbers."""
    return str(left + right)


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent."""
    return Agent(name="Adder", instructions="You add.", model=build_model(settings), tools=[add])
