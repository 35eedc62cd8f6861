"""The agent of the store's benchmark. It has no tools, so that all subjects do the same work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents import Agent

    from assistant.settings import Settings


def build_agent(settings: Settings) -> Agent[Any]:
    """Return an agent that only answers."""
    from agents import Agent

    return Agent(name="Benchmark", instructions="Answer briefly.")
