"""The agents."""

from __future__ import annotations

from typing import Any

from agents import Agent

from new_package.tools import keep_note


def build_notes_agent() -> Agent[Any]:
    """Return an agent that keeps the user's notes."""
    return Agent(
        name="Notes",
        instructions="You keep the user's notes. A card shows them, so do not repeat them.",
        tools=[keep_note],
    )
