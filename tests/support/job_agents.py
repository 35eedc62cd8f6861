"""Agents for tests of jobs: a tool that starts each job, and the jobs, which tests hold and let go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from agents import Agent
from agents.tool_context import ToolContext
from chatkit.agents import AgentContext

from assistant.agent import assistant_tool
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError
from assistant.jobs import Job, start_job
from assistant.settings import Settings

FACTORY = "tests.support.job_agents:build_agent"
STEPS = 4
# What ran, in order, and what a test may do between two steps.
ran: list[int] = []
between: list[Callable[[], Coroutine[Any, Any, None]]] = []


@assistant_tool
async def count(context: ToolContext[AgentContext[RequestContext]], name: str) -> str:
    """Start a job."""
    job_id = await start_job(name, f"Counting with {name}", {"steps": STEPS}, context.context)
    return f"started {job_id}"


async def steps(job: Job) -> str:
    """Count to the number of steps, with a checkpoint after each."""
    total = job.arguments["steps"]
    for number in range(job.state or 0, total):
        ran.append(number)
        for act in between:
            await act()
        await job.progress(number + 1, total, f"step {number + 1}")
        await job.checkpoint(number + 1)
    return f"counted to {total}"


async def broken(job: Job) -> None:
    """Fail with words that no user may read."""
    raise RuntimeError("a secret of the job")


async def refused(job: Job) -> None:
    """Fail with words for the user."""
    raise InvalidRequestError("There is nothing to count.")


async def endless(job: Job) -> None:
    """Run until it is cancelled."""
    while True:
        ran.append(0)
        await job.progress(len(ran))
        await asyncio.sleep(0.05)


async def asking(job: Job) -> str:
    """Ask a model twice."""
    reader = Agent[Any](name="Reader", instructions="You read.")
    answers = [await job.run_agent(reader, f"question {number}") for number in range(2)]
    return " and ".join(answers)


JOBS = {"steps": steps, "broken": broken, "refused": refused, "endless": endless, "asking": asking}


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent."""
    return Agent(name="Counter", instructions="You count.", tools=[count])
