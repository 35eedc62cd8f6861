"""The project's agent."""

from typing import Any

from agents import Agent, function_tool

from assistant.settings import Settings


@function_tool
def opening_hours() -> str:
    """Say when the shop is open."""
    return "from nine to five"


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent that answers."""
    return Agent(name="Shop", instructions="You answer questions about the shop.", tools=[opening_hours])
