"""Delete threads: hide a thread from its user at once, and remove its rows and objects afterwards.

One transaction marks the thread's metadata as deleted, removes the thread from the list, and writes work for the
sweep. Then the request or the sweep removes rows and objects; the metadata and the work are removed last. Each step
can be repeated, so a killed process only causes a repetition.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assistant import clock
from assistant.audit import Entry
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
# About how many rows a request removes before it answers; the sweep removes the rest.
INLINE_ROWS = 200
# Rows that one step reads and removes: a full transaction, without the check of the metadata.
STEP_ROWS = MAX_TRANSACTION_ROWS - 1


async def delete_thread(
    resources: Resources, caller: Caller, thread_id: str, meta: Row, *, note: Entry | None = None
) -> None:
    """Delete a thread that the caller was found to own.

    Args:
        resources: The process's table and bucket.
        caller: The thread's owner.
        thread_id: The thread.
        meta: The thread's metadata row.
        note: The entry of the audit trail, if a user deletes the thread.

    Raises:
        StoreUnavailableError: nothing has been deleted. After the deletion, the sweep repeats failed removals.
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
        # A running turn sees at its next write that its record has ended, and stops.
        Write(
            Key(meta["pk"], keys.TURN_SK),
            update="SET #state = :ended, schema_version = :version",
            names={"#state": "state"},
            values={":ended": "deleted", ":version": SCHEMA_VERSION},
        ),
        Write(Key(user, keys.thread_list_sk(meta["place"])), delete=True),
        # Without a row this costs one write unit. A row from before the search was switched off is removed too.
        Write(Key(user, keys.words_sk(meta["place"])), delete=True),
        Write(work_key, put=work),
    ]
    if keys.own_place(thread_id) is None:
        writes.append(places.lapsing_alias(user, thread_id, meta["place"]))
    if note is not None:
        writes.append(note.write)
    try:
        await resources.table.transact(writes)
    except ConditionFailedError:
        return  # Another request has just deleted it.
    if note is not None:
        note.log()
    try:
        await purge_thread(resources, {**work, **work_key._asdict()}, most=INLINE_ROWS)
    except StoreUnavailableError:
        logger.warning("thread %s is deleted; the sweep removes its rows and objects later", thread_id)


async def purge_thread(
    resources: Resources, work: Row, *, most: int | None = None, time_is_up: Callable[[], bool] = lambda: False
) -> bool:
    """Remove a deleted thread's rows, objects and attachments, and the work's row at the end.

    Args:
        resources: The process's table and bucket.
        work: The sweep's work, as `delete_thread` wrote it.
        most: About how many rows to remove; None for all.
        time_is_up: Called between two steps; True ends the removal early.

    Returns:
        Whether everything is removed.
    """
    caller, thread_id = Caller(work["tenant_id"], work["user_id"]), work["thread_id"]
    pk = caller.thread(thread_id).partition
    prefix = caller.thread(thread_id).object_prefix
    removed = 0
    while (most is None or removed < most) and not time_is_up():
        rows, _ = await resources.table.query(pk, between=(keys.FIRST_SK, keys.HEAD_SK), limit=STEP_ROWS)
        objects = [] if rows else await resources.objects.first_keys(prefix)
        # Check after the read: another process may have finished this, and a new thread may have taken the same id.
        meta = await resources.table.get(Key(pk, keys.META_SK))
        if meta is not None and meta.get("deleted_at") != work["deleted_at"]:
            await resources.table.delete(row_key(work))
            return True
        if meta is not None and "forking" in meta:
            await _end_copying(resources, meta)
            continue
        if not rows and not objects:
            await _remove_last_rows(resources, pk, work)
            return True
        attached = [name for row in rows for name in row.get("attachments", [])]
        # Rows of other partitions that belong to the thread, such as those of a share.
        await resources.table.delete_many([Key(*each) for row in rows for each in row.get("linked", [])])
        for copies in [row["copies"] for row in rows if "linked" in row and "copies" in row]:
            await resources.objects.delete_prefix(copies)
        await delete_for_thread(resources, caller, attached)
        await _forget_documents(resources, caller, thread_id, rows)
        if rows and not await _remove_rows(resources, pk, rows, work):
            await resources.table.delete(row_key(work))
            return True
        await resources.objects.delete_many(objects)
        removed += len(rows) + len(objects)
    return False


async def _end_copying(resources: Resources, meta: Row) -> None:
    """Let no process write more copies into a fork that is removed before it was complete."""
    try:
        await resources.table.update(
            row_key(meta), "REMOVE forking", condition="deleted_at = :then", values={":then": meta["deleted_at"]}
        )
    except ConditionFailedError:
        return  # Another process has removed it.


async def _forget_documents(resources: Resources, caller: Caller, thread_id: str, rows: list[Row]) -> None:
    """Remove the passages and the originals of a thread's own documents."""
    documents = [row for row in rows if row["sk"].startswith(keys.DOCUMENT_PREFIX)]
    if not documents:
        return
    if resources.settings.knowledge.on:
        from assistant.passages import passage_store

        store, space = passage_store(resources), keys.Space(caller.tenant_id, caller.user_id, thread_id)
        for row in documents:
            # Not the whole space: a new thread may have taken the thread's id.
            await store.remove(space, row["id"])
    originals = [row[name] for row in documents for name in ("original", "new_original") if name in row]
    await resources.objects.delete_many(originals)


async def _remove_rows(resources: Resources, pk: str, rows: list[Row], work: Row) -> bool:
    """Remove rows of a deleted thread. Return False if a new thread has taken its id.

    The rows come from one Query, so they are at most 1 MB; a transaction may hold 4 MB.
    """
    removed = [row_key(row) for row in rows]
    if keys.own_place(work["thread_id"]) is not None and not work.get("importing"):
        # No new thread can take an id that this project has made, except a repeated import whose first attempt has
        # failed. Batches cost half as much as transactions.
        await resources.table.delete_many(removed)
        return True
    try:
        await resources.table.transact([_is_deleted(pk, work), *(Write(key, delete=True) for key in removed)])
    except ConditionFailedError:
        return False
    return True


def _is_deleted(pk: str, work: Row, *, delete: bool = False) -> Write:
    """Return the check, or the removal, of metadata that no longer exists or that this deletion has marked."""
    return Write(
        Key(pk, keys.META_SK),
        delete=delete,
        condition="attribute_not_exists(pk) OR deleted_at = :deleted_at",
        values={":deleted_at": work["deleted_at"]},
    )


async def _remove_last_rows(resources: Resources, pk: str, work: Row) -> None:
    """Remove a purged thread's last rows, and the work."""
    last = [Write(Key(pk, keys.TURN_SK), delete=True), Write(row_key(work), delete=True)]
    try:
        await resources.table.transact([_is_deleted(pk, work, delete=True), *last])
    except ConditionFailedError:
        await resources.table.delete(row_key(work))


async def expire_thread(resources: Resources, work: Row) -> bool:
    """Remove an expired thread, or the expired items of a thread that has not expired.

    Args:
        resources: The process's table and bucket.
        work: The sweep's work, as `retention.expiry_work` wrote it. The caller removes its row.

    Returns:
        Whether the thread is still there.
    """
    caller, thread_id = Caller(work["tenant_id"], work["user_id"]), work["thread_id"]
    pk = caller.thread(thread_id).partition
    meta = await resources.table.get(Key(pk, keys.META_SK))
    if meta is None or meta.get("deleted_at"):
        return False
    if not is_visible(meta):
        await delete_thread(resources, caller, thread_id, meta)
        return False
    # Read all items: places follow creation, not expiry, so an expired item can follow one that has not expired.
    async for row in resources.table.rows(pk, between=(keys.ITEM_PREFIX, keys.ITEM_END), page=STEP_ROWS):
        if not is_visible(row):
            await _expire_item(resources, row)
    return True


async def _expire_item(resources: Resources, row: Row) -> None:
    """Remove an expired item, unless another writer has written it again meanwhile."""
    try:
        await resources.table.transact(
            item_removal(row, "expires_at <= :now", values={":now": clock.now().timestamp()})
        )
    except ConditionFailedError:
        return
    await resources.objects.delete_many([row["object"]] if "object" in row else [])
