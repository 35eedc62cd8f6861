"""What is asked of threads: that they keep what was said, are nobody else's, and go when they are deleted."""

from __future__ import annotations

from http import HTTPStatus

from scripts.deployment import RefusedError
from scripts.smoke_checks.run import CheckError, Run, Skipped, expect


async def items(run: Run) -> str:
    """The thread holds what was said."""
    page = await run.stack.operate("items.list", thread_id=run.thread(), limit=100, order="asc")
    kinds = [item["type"] for item in page["data"]]
    expect(kinds.count("user_message") >= 2 and kinds.count("assistant_message") >= 2, f"the thread holds {kinds}")
    return f"{len(kinds)} items"


async def someone_elses(run: Run) -> str:
    """An unknown thread, or another's, is 404 before a stream has begun."""
    try:
        await run.stack.say("hello", "thr_0193a0000000700080000000000000aa")
    except RefusedError as error:
        expect(error.status == HTTPStatus.NOT_FOUND, str(error))
        return "404"
    raise CheckError("it was answered")


async def deleting(run: Run) -> str:
    """Threads go when they are deleted. This also tidies up after the run."""
    if not run.threads:
        raise Skipped("there are no threads")
    for thread_id in sorted(run.threads):
        await run.stack.operate("threads.delete", thread_id=thread_id)
    try:
        await run.stack.operate("threads.get_by_id", thread_id=max(run.threads))
    except RefusedError as error:
        expect(error.status == HTTPStatus.NOT_FOUND, str(error))
        return f"{len(run.threads)} threads of this run are gone"
    raise CheckError("a deleted thread is still there")
