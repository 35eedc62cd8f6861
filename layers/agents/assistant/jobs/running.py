"""Run a job: claim it, call its function, and put its end into the thread."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from chatkit.types import ThreadItem

from assistant import clock
from assistant.aws import ConditionFailedError, Row
from assistant.context import RequestContext, Resources
from assistant.errors import AssistantError
from assistant.failures import log_failure
from assistant.hooks import find_hook
from assistant.ids import uuid7
from assistant.jobs.delivery import card_writes, end_job, is_removed
from assistant.jobs.errors import JobCancelledError, JobLostError, JobPausedError
from assistant.jobs.job import NAMES, OURS, Job
from assistant.jobs.rows import LEASE, MAX_ATTEMPTS, JobRef, State, lease_end

logger = logging.getLogger(__name__)

# Each update of the card costs a write, and users do not read faster.
CARD_SECONDS = 3.0
# A function that does not end by then has no further effect: its writes fail.
CANCEL_SECONDS = 10.0
BEAT_SECONDS = LEASE.total_seconds() / 3


async def run_job(resources: Resources, ref: JobRef, *, time_is_up: Callable[[], bool] = lambda: False) -> bool:
    """Run a job until it ends, or until the invocation ends.

    Args:
        resources: The process's table and bucket.
        ref: The job.
        time_is_up: True lets the next checkpoint end this run. Another invocation continues.

    Returns:
        Whether nothing is left to do for this job.
    """
    row = await _claimed(resources, ref)
    if row is None:
        return True
    # Its rights and its limits are those of the caller who has started it.
    caller = replace(ref.owner, role=row["role"], visitor=row["visitor"])
    context = RequestContext(caller, resources, language=row["language"])
    job = Job(ref, row, row["run_id"], context, time_is_up)
    result: str | ThreadItem | None = None
    try:
        state: State = "done"
        if await is_removed(ref, row, RequestContext(ref.owner, resources)):
            raise JobCancelledError
        result = await _called(job, ref, resources)
    except JobPausedError:
        await _release(resources, ref, job.row)
        return False
    except JobLostError:
        return True
    except JobCancelledError:
        state = "cancelled"
    except AssistantError as error:
        state, result = "failed", error.message
    except Exception as error:
        log_failure(logger, f"job {row['name']} failed", error)
        state = "failed"
    if await _ended(resources, ref, job.row, state, result, time_is_up):
        return True
    await _release(resources, ref, job.row)
    return False


async def _ended(
    resources: Resources,
    ref: JobRef,
    row: Row,
    state: State,
    result: str | ThreadItem | None,
    time_is_up: Callable[[], bool],
) -> bool:
    """Store the end, and renew the lease while it waits for a running turn."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await resources.table.update(
                ref.key,
                "SET lease = :lease",
                condition=OURS,
                names=NAMES,
                values={":lease": lease_end(), ":run": row["run_id"], ":running": "running"},
            )

    beating = asyncio.create_task(beat())
    try:
        return await end_job(ref, row, state, result, resources, time_is_up=time_is_up)
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await beating


async def _claimed(resources: Resources, ref: JobRef) -> Row | None:
    """Claim the job for this run. Return None if another process runs it, or if it has ended."""
    try:
        row = await resources.table.update(
            ref.key,
            "SET #state = :running, lease = :lease, run_id = :run, attempts = if_not_exists(attempts, :none) + :one",
            condition="#state = :queued OR (#state = :running AND lease < :now)",
            names=NAMES,
            values={
                ":running": "running",
                ":queued": "queued",
                ":lease": lease_end(),
                ":now": clock.now().timestamp(),
                ":run": uuid7(),
                ":none": 0,
                ":one": 1,
            },
        )
    except ConditionFailedError:
        return None
    if row["attempts"] > MAX_ATTEMPTS or row.get("cancel"):
        # Its process has died again and again, or it was cancelled before it ran.
        state: State = "cancelled" if row.get("cancel") else "failed"
        await end_job(ref, row, state, None, resources)
        return None
    return row


async def _release(resources: Resources, ref: JobRef, row: Row) -> None:
    """End the lease, so that the next invocation can continue at once."""
    with suppress(ConditionFailedError):
        await resources.table.update(
            ref.key,
            "SET lease = :over",
            condition=OURS,
            names=NAMES,
            values={":over": 0, ":run": row["run_id"], ":running": "running"},
        )


async def _called(job: Job, ref: JobRef, resources: Resources) -> str | ThreadItem | None:
    """Call the job's function. Beside it, renew the lease, read the cancel and show the progress."""
    jobs: dict[str, Any] = find_hook(resources.settings, "JOBS") or {}
    function = jobs.get(job.row["name"])
    if function is None:
        raise AssistantError("This job does not exist any more.")
    work = asyncio.create_task(function(job), name=f"job {ref.job_id}")
    watch = asyncio.create_task(_watch(job, ref, resources))
    try:
        await asyncio.wait([work, watch], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            # The watch has found a cancel, or that the job is lost.
            work.cancel()
            await asyncio.wait([work], timeout=CANCEL_SECONDS)
            watch.result()
        result: str | ThreadItem | None = work.result()
        return result
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await watch


async def _watch(job: Job, ref: JobRef, resources: Resources) -> None:
    """Renew the lease and show the progress until the job ends.

    Raises:
        JobCancelledError: the user has cancelled the job, or has removed its card.
        JobLostError: this process does not run the job any more.
    """
    shown: tuple[Any, ...] | None = None
    beaten = time.monotonic()
    while True:
        now = (job.row.get("done"), job.row.get("goal"), job.row.get("note"))
        if now != shown:
            context = RequestContext(ref.owner, resources)
            with suppress(ConditionFailedError, AssistantError):
                writes = await card_writes(ref, job.row, context)
                if writes:
                    await resources.table.transact(writes)
            shown = now
        await asyncio.sleep(CARD_SECONDS)
        if time.monotonic() - beaten >= BEAT_SECONDS / 3:
            beaten = time.monotonic()
            await job.beat()
            if await is_removed(ref, job.row, RequestContext(ref.owner, resources)):
                raise JobCancelledError
