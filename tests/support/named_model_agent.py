"""An agent that names its own model, and a specialist that uses the deployment's."""

from __future__ import annotations

from typing import Any

from agents import Agent

from assistant.settings import Settings


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent."""
    specialist = Agent[Any](name="Specialist", instructions="You know.", handoff_description="Knows everything.")
    return Agent(name="Front", instructions="You hand over.", model="small-model", handoffs=[specialist])
