"""The agent of both servers of the cold benchmark. It has no tools, so that both do the same work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents import Agent


def build_agent(settings: object) -> Agent[Any]:
    """Return an agent that only answers."""
    from agents import Agent

    return Agent(name="Benchmark", instructions="Answer briefly.")
