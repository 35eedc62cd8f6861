"""An agent with OpenAI's code interpreter."""

from __future__ import annotations

from typing import Any

from agents import Agent, CodeInterpreterTool

from assistant.settings import Settings


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent."""
    interpreter = CodeInterpreterTool(tool_config={"type": "code_interpreter", "container": {"type": "auto"}})
    return Agent(name="Coder", instructions="You compute.", tools=[interpreter])
