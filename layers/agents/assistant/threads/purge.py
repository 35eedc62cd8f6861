"""Taking threads away: at once for the user, thoroughly and resumably behind it.

A deletion is one transaction: the thread's metadata says so, its place in the list goes, and work for the sweep
is written. Then rows and objects are removed; whoever finishes, the request or the sweep, removes the metadata
and the work last. Each step may be repeated, so a kill in the middle costs nothing but a repetition.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assistant import keys
from assistant.attachments import delete_for_thread
from assistant.identity import Caller
from assistant.keys import Key
from assistant.table import ConditionFailedError, Row, Write
from assistant.threads import places
from assistant.threads.rows import SCHEMA_VERSION, is_visible, now

if TYPE_CHECKING:
    from assistant.resources import Resources

PURGE_KIND = "purge"
EXPIRE_KIND = "expire"
# What a request removes itself before it answers; the sweep does the rest.
INLINE_ROWS = 200
# Rows that are read and removed in one step.
STEP_ROWS = 100


def _work(caller: Caller, thread_id: str, kind: str, due: datetime) -> Write:
    partition = keys.thread_partition(caller.tenant_id, caller.user_id, thread_id)
    row: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "tenant_id": caller.tenant_id,
        "user_id": caller.user_id,
        "thread_id": thread_id,
    }
    return Write(keys.sweep_key(due, partition, kind), put=row)


def expiry_work(caller: Caller, thread_id: str, expires_at: float) -> Write:
    """Return the write that has the sweep look at a thread when it expires (seconds since 1970, UTC)."""
    return _work(caller, thread_id, EXPIRE_KIND, datetime.fromtimestamp(expires_at, UTC))


async def delete_thread(resources: Resources, caller: Caller, thread_id: str, meta: Row) -> None:
    """Delete a thread that the caller was found to own.

    Args:
        resources: The process's table and bucket.
        caller: The thread's owner.
        thread_id: The thread.
        meta: The thread's metadata row.
    """
    user = keys.user_partition(caller.tenant_id, caller.user_id)
    deleted_at = now()
    work = _work(caller, thread_id, PURGE_KIND, deleted_at)
    writes = [
        Write(
            Key(meta["pk"], keys.META_SK),
            update="SET deleted_at = :now, #place = :place REMOVE #data, #blob",
            condition="attribute_exists(pk) AND attribute_not_exists(deleted_at)",
            names={"#place": "place", "#data": "data", "#blob": "blob"},
            values={":now": deleted_at.isoformat(), ":place": meta["place"]},
        ),
        # A turn that runs finds its record ended when it next writes, and stops.
        Write(
            Key(meta["pk"], keys.TURN_SK),
            update="SET #state = :ended, schema_version = :version",
            names={"#state": "state"},
            values={":ended": "deleted", ":version": SCHEMA_VERSION},
        ),
        Write(Key(user, keys.thread_list_sk(meta["place"])), delete=True),
        work,
    ]
    if keys.own_place(thread_id) is None:
        writes.append(places.forgotten_alias(user, thread_id, meta["place"]))
    try:
        await resources.table.transact(writes)
    except ConditionFailedError:
        return  # Someone else has just deleted it.
    await purge_thread(resources, caller, thread_id, work.key, most=INLINE_ROWS)


async def purge_thread(
    resources: Resources, caller: Caller, thread_id: str, work: Key, *, most: int | None = None
) -> bool:
    """Remove what a deleted thread held: rows, objects, attachments.

    Args:
        resources: The process's table and bucket.
        caller: The thread's owner.
        thread_id: The thread.
        work: The key of the sweep's work, removed at the end.
        most: How many rows to remove at most; None for all.

    Returns:
        Whether all is gone.
    """
    pk = keys.thread_partition(caller.tenant_id, caller.user_id, thread_id)
    removed = 0
    while most is None or removed < most:
        # All but the metadata, which sorts between the items and the turn.
        rows, _ = await resources.table.query(pk, between=("A#", "~"), limit=STEP_ROWS)
        if not rows:
            await resources.objects.delete_prefix(keys.item_object_prefix(caller.tenant_id, caller.user_id, thread_id))
            await resources.table.delete_many([Key(pk, keys.TURN_SK), Key(pk, keys.META_SK), work])
            return True
        attached = [name for row in rows for name in row.get("attachments", [])]
        await delete_for_thread(resources, caller, attached)
        await resources.table.delete_many([Key(row["pk"], row["sk"]) for row in rows])
        removed += len(rows)
    return False


async def expire_thread(resources: Resources, caller: Caller, thread_id: str) -> bool:
    """Remove a thread whose retention is over; look again later at one that lives on.

    Returns:
        Whether this look is done: True also when another one has been planned.
    """
    pk = keys.thread_partition(caller.tenant_id, caller.user_id, thread_id)
    meta = await resources.table.get(Key(pk, keys.META_SK))
    if meta is None or meta.get("deleted_at"):
        return True
    if is_visible(meta):
        await resources.table.transact([expiry_work(caller, thread_id, meta["expires_at"])])
    else:
        await delete_thread(resources, caller, thread_id, meta)
    return True
