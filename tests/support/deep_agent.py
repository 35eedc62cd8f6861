"""An agent whose tools return deeply nested values, for `AGENT_FACTORY=tests.support.deep_agent:build_agent`."""

from __future__ import annotations

from typing import Any

from agents import Agent, function_tool

from assistant.models import build_model
from assistant.settings import Settings

LEVELS = 5_000


def nested() -> Any:
    """Return a list in a list, and so on."""
    deep: Any = "x"
    for _ in range(LEVELS):
        deep = [deep]
    return deep


@function_tool
def as_value() -> Any:
    """Return a nested value."""
    return nested()


@function_tool
def as_text() -> str:
    """Return a nested value as JSON."""
    return "[" * LEVELS + "]" * LEVELS


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent."""
    return Agent(name="Deep", instructions="You nest.", model=build_model(settings), tools=[as_value, as_text])
