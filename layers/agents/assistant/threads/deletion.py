"""Taking threads away: at once for the user, thoroughly and resumably behind it.

A deletion is one transaction: the thread's metadata says so, its place in the list goes, and work for the sweep
is written. Then rows and objects are removed; whoever finishes, the request or the sweep, removes the metadata
and the work last. Each step may be repeated, so a kill in the middle costs nothing but a repetition.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assistant import clock
from assistant.aws import MAX_TRANSACTION_ROWS, ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.errors import StoreUnavailableError
from assistant.files import delete_for_thread
from assistant.identity import Caller
from assistant.threads import places
from assistant.threads.items import item_removal
from assistant.threads.rows import SCHEMA_VERSION, is_visible, row_key

if TYPE_CHECKING:
    from assistant.context import Resources

logger = logging.getLogger(__name__)

PURGE_KIND = "purge"
# What a request removes itself before it answers; the sweep does the rest.
INLINE_ROWS = 200
# Rows that are read and removed in one step: what one transaction can hold beside a look at the thread.
STEP_ROWS = MAX_TRANSACTION_ROWS - 1


async def delete_thread(resources: Resources, caller: Caller, thread_id: str, meta: Row) -> None:
    """Delete a thread that the caller was found to own.

    Args:
        resources: The process's table and bucket.
        caller: The thread's owner.
        thread_id: The thread.
        meta: The thread's metadata row.

    Raises:
        StoreUnavailableError: nothing has been deleted. What fails after the deletion is the sweep's.
    """
    user = caller.partition
    deleted_at = clock.now()
    work: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": PURGE_KIND,
        "tenant_id": caller.tenant_id,
        "user_id": caller.user_id,
        "thread_id": thread_id,
        "deleted_at": deleted_at.isoformat(),
    }
    work_key = keys.sweep_key(deleted_at, meta["pk"], PURGE_KIND)
    writes = [
        Write(
            Key(meta["pk"], keys.META_SK),
            update="SET deleted_at = :now REMOVE #data, #blob, #ttl",
            condition="attribute_exists(pk) AND attribute_not_exists(deleted_at)",
            names={"#data": "data", "#blob": "blob", "#ttl": "ttl"},
            values={":now": work["deleted_at"]},
        ),
        # A turn that runs finds its record ended when it next writes, and stops.
        Write(
            Key(meta["pk"], keys.TURN_SK),
            update="SET #state = :ended, schema_version = :version",
            names={"#state": "state"},
            values={":ended": "deleted", ":version": SCHEMA_VERSION},
        ),
        Write(Key(user, keys.thread_list_sk(meta["place"])), delete=True),
        Write(work_key, put=work),
    ]
    if keys.own_place(thread_id) is None:
        writes.append(places.forgotten_alias(user, thread_id, meta["place"]))
    try:
        await resources.table.transact(writes)
    except ConditionFailedError:
        return  # Someone else has just deleted it.
    try:
        await purge_thread(resources, {**work, **work_key._asdict()}, most=INLINE_ROWS)
    except StoreUnavailableError:
        logger.warning("thread %s is deleted; what it held is removed by the sweep", thread_id)


async def purge_thread(
    resources: Resources, work: Row, *, most: int | None = None, time_is_up: Callable[[], bool] = lambda: False
) -> bool:
    """Remove what a deleted thread held: rows, objects, attachments; and the work's row with the last of it.

    Args:
        resources: The process's table and bucket.
        work: The sweep's work, as `delete_thread` wrote it.
        most: About how many rows to remove; None for all.
        time_is_up: Asked between two steps.

    Returns:
        Whether all is gone.
    """
    caller, thread_id = Caller(work["tenant_id"], work["user_id"]), work["thread_id"]
    pk = caller.thread(thread_id).partition
    prefix = caller.thread(thread_id).object_prefix
    removed = 0
    while (most is None or removed < most) and not time_is_up():
        rows, _ = await resources.table.query(pk, between=(keys.FIRST_SK, keys.HEAD_SK), limit=STEP_ROWS)
        objects = [] if rows else await resources.objects.some(prefix)
        # After what is to go was read: somebody else may have finished, and a new thread of the same id begun.
        meta = await resources.table.get(Key(pk, keys.META_SK))
        if meta is not None and meta.get("deleted_at") != work["deleted_at"]:
            await resources.table.delete(row_key(work))
            return True
        if not rows and not objects:
            await _forget(resources, pk, work)
            return True
        attached = [name for row in rows for name in row.get("attachments", [])]
        await delete_for_thread(resources, caller, attached)
        if rows and not await _remove(resources, pk, rows, work):
            await resources.table.delete(row_key(work))
            return True
        await resources.objects.delete_many(objects)
        removed += len(rows) + len(objects)
    return False


async def _remove(resources: Resources, pk: str, rows: list[Row], work: Row) -> bool:
    """Remove rows of a deleted thread, or return False if a new one of its id has begun.

    One Query's worth of rows: DynamoDB ends that at 1 MB, where a transaction may hold 4.
    """
    removed = [row_key(row) for row in rows]
    if keys.own_place(work["thread_id"]) is not None:
        # An id of ours is made once, so no row of its can be another thread's; batches cost half of transactions.
        await resources.table.delete_many(removed)
        return True
    try:
        await resources.table.transact([_is_deleted(pk, work), *(Write(key, delete=True) for key in removed)])
    except ConditionFailedError:
        return False
    return True


def _is_deleted(pk: str, work: Row, *, delete: bool = False) -> Write:
    """Return the check that a thread is gone, or as this deletion has left it, or the removal that rests on it."""
    return Write(
        Key(pk, keys.META_SK),
        delete=delete,
        condition="attribute_not_exists(pk) OR deleted_at = :deleted_at",
        values={":deleted_at": work["deleted_at"]},
    )


async def _forget(resources: Resources, pk: str, work: Row) -> None:
    """Remove a purged thread's last rows, and the work."""
    last = [Write(Key(pk, keys.TURN_SK), delete=True), Write(row_key(work), delete=True)]
    try:
        await resources.table.transact([_is_deleted(pk, work, delete=True), *last])
    except ConditionFailedError:
        await resources.table.delete(row_key(work))


async def expire_thread(resources: Resources, work: Row) -> None:
    """Remove a thread whose retention is over, or what has expired of one that lives on.

    Args:
        resources: The process's table and bucket.
        work: The sweep's work, as `retention.look` wrote it. Removing its row is left to who dispatched it.
    """
    caller, thread_id = Caller(work["tenant_id"], work["user_id"]), work["thread_id"]
    pk = caller.thread(thread_id).partition
    meta = await resources.table.get(Key(pk, keys.META_SK))
    if meta is None or meta.get("deleted_at"):
        return
    if not is_visible(meta):
        await delete_thread(resources, caller, thread_id, meta)
        return
    # To the end: what was written again, or came later with an early creation, outlives what stands behind it.
    async for row in resources.table.rows(pk, between=(keys.ITEM_PREFIX, keys.ITEM_END), page=STEP_ROWS):
        if not is_visible(row):
            await _expire_item(resources, row)


async def _expire_item(resources: Resources, row: Row) -> None:
    """Remove an item that has expired, unless it has been written again since it was read."""
    try:
        await resources.table.transact(
            item_removal(row, "expires_at <= :now", values={":now": clock.now().timestamp()})
        )
    except ConditionFailedError:
        return
    await resources.objects.delete_many([row["object"]] if "object" in row else [])
