"""The sweep: finish the work that deletions, erasures, expiry and crashes have left.

Each piece of work is a row. The transaction that makes the work necessary writes the row. The sweep deletes the row
when the work is done. All work can be repeated, and two sweeps may run at once.

Work that fails is due again later, each time after a longer wait. After `MAX_FAILURES` failures it is parked: the sweep
tries it once a day, and an alarm tells the operator.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from assistant import clock, files, forks, jobs, search, threads
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.errors import AssistantError
from assistant.failures import log_failure
from assistant.files import sweep_picture, sweep_unsent
from assistant.observability import sweep_ended, work_failed
from assistant.threads import expire_thread, purge_thread, row_key, sweep_object
from assistant.upkeep import exports, privacy, tenants, visitors

logger = logging.getLogger(__name__)

# Rows of a shard that one Query reads; the next Query starts when their work is done.
PAGE_ROWS = 25
# Pieces of work that run at once in each shard. All shards together stay below the threads that wait for DynamoDB.
PIECES_AT_ONCE = 6
# The wait after the first failure; it doubles with each further one.
FIRST_WAIT = timedelta(minutes=5)
# Seven waits take about ten hours. Work that still fails then needs an operator.
MAX_FAILURES = 8
PARKED_WAIT = timedelta(days=1)


@dataclass
class Swept:
    """The result of one run.

    Attributes:
        finished: Pieces of work that are done.
        failed: Pieces of work that have failed; they are due again later.
        postponed: Pieces of work that have begun and need another run.
        parked: Pieces of work that have failed `MAX_FAILURES` times or more.
        oldest_seconds: The age of the oldest work that was due when the run began, parked work and jobs excepted.
    """

    finished: int = 0
    failed: int = 0
    postponed: int = 0
    parked: int = 0
    oldest_seconds: int = 0


async def sweep(resources: Resources, *, time_is_up: Callable[[], bool] = lambda: False) -> Swept:
    """Do all work that is due, in all shards at once.

    Args:
        resources: The process's table and bucket.
        time_is_up: Called before each piece of work; True leaves the rest to the next run.
    """
    swept = Swept()
    with suppress(AssistantError):  # The next run notes it.
        await search.note_setting(resources)
    shards = keys.sweep_partitions()
    # Runs that end early begin with another shard each time.
    random.shuffle(shards)
    results = await asyncio.gather(
        *(_sweep_shard(resources, pk, swept, time_is_up) for pk in shards), return_exceptions=True
    )
    sweep_ended(swept.oldest_seconds, swept.parked)
    _raise_first(results)
    return swept


async def _sweep_shard(resources: Resources, pk: str, swept: Swept, time_is_up: Callable[[], bool]) -> None:
    due = _DueWork(resources, pk, swept)

    async def work() -> None:
        while not time_is_up() and (row := await due.take()) is not None:
            await _do(resources, row, swept, time_is_up)

    _raise_first(await asyncio.gather(*(work() for _ in range(PIECES_AT_ONCE)), return_exceptions=True))


def _raise_first(results: Iterable[BaseException | None]) -> None:
    """Raise the first error, after all tasks have ended."""
    for result in results:
        if result is not None:
            raise result


class _DueWork:
    """The due work of a shard, the oldest first, for several workers."""

    def __init__(self, resources: Resources, pk: str, swept: Swept) -> None:
        self._now = clock.now()
        between = (keys.FIRST_SK, keys.sweep_bound(self._now))
        self._rows = resources.table.rows(pk, between=between, page=PAGE_ROWS)
        self._lock = asyncio.Lock()
        self._swept = swept

    async def take(self) -> Row | None:
        """Return the next row, or None if no more work is due."""
        async with self._lock:
            row = await anext(self._rows, None)
        # The work on a job is due for as long as the job runs, which may be hours.
        if row is not None and row.get("failures", 0) < MAX_FAILURES and row["kind"] != jobs.JOB_KIND:
            age = int((self._now - _since(row)).total_seconds())
            self._swept.oldest_seconds = max(self._swept.oldest_seconds, age)
        return row


def _since(row: Row) -> datetime:
    """Return when work was first due."""
    return datetime.fromtimestamp(row["first_due"], UTC) if "first_due" in row else keys.sweep_due(row["sk"])


async def _put_off(resources: Resources, row: Row, swept: Swept) -> None:
    """Make failed work due again later. If another sweep has finished the work meanwhile, leave it finished."""
    failures = row.get("failures", 0) + 1
    if failures >= MAX_FAILURES:
        swept.parked += 1
        wait = PARKED_WAIT
    else:
        wait = FIRST_WAIT * 2 ** (failures - 1)
    later = {**row, "failures": failures, "first_due": _since(row).timestamp()}
    moved = Key(row["pk"], keys.put_off_sk(row["sk"], clock.now() + wait))
    try:
        await resources.table.transact(
            [Write(row_key(row), delete=True, condition="attribute_exists(pk)"), Write(moved, put=later)]
        )
    except ConditionFailedError:
        return
    except AssistantError as error:
        # The row is still there, so the next run repeats the work.
        logger.warning("sweep: failed work could not be put off: %s", error.code)


async def _do(resources: Resources, row: Row, swept: Swept, time_is_up: Callable[[], bool]) -> None:
    started = time.monotonic()
    try:
        done = await _work(resources, row, time_is_up)
        if done:
            await resources.table.delete(row_key(row))
    except Exception as error:
        # A failure of one piece of work must not stop the others.
        swept.failed += 1
        work_failed()
        failed = f"sweep: {row.get('kind')} failed after {time.monotonic() - started:.1f} s"
        if isinstance(error, AssistantError):
            logger.warning("%s: %s", failed, error.code)
        else:
            log_failure(logger, failed, error)
        await _put_off(resources, row, swept)
        return
    if done:
        swept.finished += 1
    else:
        swept.postponed += 1


async def _work(resources: Resources, row: Row, time_is_up: Callable[[], bool]) -> bool:
    """Do one piece of work. Return whether it is finished."""
    match row["kind"]:
        case threads.PURGE_KIND:
            return await purge_thread(resources, row, time_is_up=time_is_up)
        case privacy.ERASE_KIND:
            return await privacy.erase(resources, row, time_is_up=time_is_up)
        case tenants.ERASE_TENANT_KIND:
            return await tenants.erase_tenant(resources, row, time_is_up=time_is_up)
        case exports.EXPORT_KIND:
            return await exports.make_export(resources, row, time_is_up=time_is_up)
        case exports.FORGET_EXPORT_KIND:
            await exports.forget_export(resources, row)
        case visitors.TAKE_ALONG_KIND:
            return await visitors.take_along(resources, row, time_is_up=time_is_up)
        case jobs.JOB_KIND:
            return await jobs.sweep_job(resources, row)
        case forks.FORK_KIND:
            return await forks.copy_fork(resources, row, time_is_up=time_is_up)
        case threads.EXPIRE_KIND:
            if await expire_thread(resources, row) and resources.settings.history_search:
                await search.rebuild(resources, search.owner_of(row), row["thread_id"])
        case search.REBUILD_KIND:
            await search.rebuild(resources, search.owner_of(row), row["thread_id"])
        case search.FILL_KIND:
            return await search.fill(resources, search.owner_of(row), time_is_up)
        case threads.OBJECT_KIND:
            await sweep_object(resources, row)
        case threads.REPLACED_KIND:
            await threads.remove_replaced(resources, row)
        case files.UNSENT_KIND:
            await sweep_unsent(resources, row)
        case files.PICTURE_KIND:
            await sweep_picture(resources, row)
        case kind:
            return await _knowledge_work(resources, kind, row)
    return True


async def _knowledge_work(resources: Resources, kind: str, row: Row) -> bool:
    """Do work on a document. Nothing else loads the knowledge."""
    from assistant import knowledge

    match kind:
        case knowledge.INGEST_KIND:
            return await knowledge.sweep_ingest(resources, row)
        case knowledge.REST_KIND:
            await knowledge.remove_rest(resources, row)
        case knowledge.UNFINISHED_KIND:
            await knowledge.forget_unfinished(resources, row)
        case knowledge.EXPIRED_KIND:
            await knowledge.sweep_expired(resources, row)
        case _:
            raise ValueError(f"This release does not know work of kind {kind!r}.")
    return True
