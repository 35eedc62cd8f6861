"""What tests of jobs do with one: let an agent start it, and look at its row and its card."""

from __future__ import annotations

from chatkit.types import ThreadItem, WidgetItem

from assistant import jobs
from assistant.aws import Row
from assistant.jobs import JobRef
from assistant.operations import reads
from tests.support import job_agents
from tests.support.provider_server import Answer, ProviderServer, Text, ToolCall
from tests.support.turns import Process, eventually


async def start(here: Process, provider: ProviderServer, started: list[dict[str, str]], name: str = "steps") -> JobRef:
    """Let the agent start a job, and return it."""
    provider.script(Answer(ToolCall("count", {"name": name})), Answer(Text("It runs.")))
    await here.create("count, please")
    assert started, str(provider.bodies[-1]["messages"])
    return jobs.ref_of(started[-1])


async def row_of(here: Process, ref: JobRef) -> Row:
    """Return a job's row."""
    row = await here.resources.table.get(ref.key)
    assert row is not None
    return row


def card_of(items: list[ThreadItem]) -> WidgetItem:
    """Return the first card."""
    return next(item for item in items if isinstance(item, WidgetItem))


async def counted(most: int) -> None:
    """Wait until a job has taken that many steps."""

    async def enough() -> bool:
        return len(job_agents.ran) >= most

    await eventually(enough, f"a job takes {most} steps")


async def working(here: Process, thread_id: str) -> str | None:
    """Return what a read of the thread says of its jobs."""
    context = here.context()
    await reads.get_thread(thread_id, context)
    return context.working
