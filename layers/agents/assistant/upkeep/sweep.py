"""Finishing what deletes, erasures, expiry and crashes have left: idempotent, and safe to run twice at once.

Each piece of work is a row that is written in the same transaction as what makes it necessary, and removed when it
is done. A failure leaves the row, and the next run tries again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from assistant import clock, files, threads
from assistant.aws import Row, keys
from assistant.context import Resources
from assistant.errors import AssistantError
from assistant.files import sweep_unsent
from assistant.observability import log_failure, work_failed
from assistant.threads import expire_thread, purge_thread, row_key, sweep_object
from assistant.upkeep import privacy

logger = logging.getLogger(__name__)

# Work that is read at once; the rest is read when that is done.
PAGE_ROWS = 25


@dataclass
class Swept:
    """What one run did: pieces of work that were finished, failed, and kept for later."""

    finished: int = 0
    failed: int = 0
    postponed: int = 0


async def sweep(resources: Resources, *, time_is_up: Callable[[], bool] = lambda: False) -> Swept:
    """Do all work that is due.

    Args:
        resources: The process's table and bucket.
        time_is_up: Asked between two pieces of work; what is left then is done by the next run.
    """
    swept = Swept()
    high = keys.sweep_bound(clock.now())
    for pk in keys.sweep_partitions():
        after: str | None = None
        while not time_is_up():
            rows, more = await resources.table.query(pk, between=(keys.FIRST_SK, high), after=after, limit=PAGE_ROWS)
            for row in rows:
                if time_is_up():
                    return swept
                await _do(resources, row, swept, time_is_up)
            if not more:
                break
            after = rows[-1]["sk"]
    return swept


async def _do(resources: Resources, row: Row, swept: Swept, time_is_up: Callable[[], bool]) -> None:
    started = time.monotonic()
    try:
        done = await _work(resources, row, time_is_up)
        if done:
            await resources.table.delete(row_key(row))
    except Exception as error:
        # One piece that cannot be done must not keep the others from being done.
        swept.failed += 1
        work_failed()
        failed = f"sweep: {row.get('kind')} failed after {time.monotonic() - started:.1f} s"
        if isinstance(error, AssistantError):
            logger.warning("%s: %s", failed, error.code)
        else:
            log_failure(logger, failed, error)
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
        case threads.EXPIRE_KIND:
            await expire_thread(resources, row)
        case threads.OBJECT_KIND:
            await sweep_object(resources, row)
        case files.UNSENT_KIND:
            await sweep_unsent(resources, row)
        case kind:
            raise ValueError(f"No release before this one knows work of kind {kind!r}.")
    return True
