"""An agent with tools that run at OpenAI."""

from __future__ import annotations

from typing import Any

from agents import Agent, WebSearchTool

from assistant.settings import Settings


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent."""
    return Agent(name="Searcher", instructions="You search.", tools=[WebSearchTool()])
