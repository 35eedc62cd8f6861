"""A shop's agents, for the tests of what a package declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents import Agent

    from assistant.jobs import Job
    from assistant.settings import Settings


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the one agent."""
    from agents import Agent

    from bookmill.tools import TOOLS

    return Agent(name="Shop", instructions="Sell books.", tools=[*TOOLS])


async def _deliver(job: Job) -> str:
    from bookmill.tools import deliver

    return await deliver(job)


JOBS = {"deliver": _deliver}
