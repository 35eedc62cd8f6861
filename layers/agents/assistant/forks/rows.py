"""The rows of a fork that is not complete: its hidden metadata, the sweep's work, and its removal."""

from __future__ import annotations

from datetime import datetime, timedelta

from assistant import clock
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.identity import Caller
from assistant.threads import PURGE_KIND, SCHEMA_VERSION, purge_thread, row_key

FORK_KIND = "fork"
# The request itself has copied by then, or its process is dead.
SWEEP_AFTER = timedelta(minutes=2)
# The cursor before the first row.
START = keys.ITEM_PREFIX


def meta_key(owner: Caller, thread_id: str) -> Key:
    """Return the key of a thread's metadata."""
    return Key(owner.thread(thread_id).partition, keys.META_SK)


def not_erased(owner: Caller) -> list[Write]:
    """Return the checks that no erasure of the user or of the tenant runs."""
    rows = (Key(owner.partition, keys.LIVE_SK), Key(keys.tenant_partition(owner.tenant_id), keys.LIMITS_SK))
    return [Write(key, condition="attribute_not_exists(erasing)") for key in rows]


def fork_work(owner: Caller, fork_id: str, begun_at: str) -> Row:
    """Return the sweep's work on a fork, with its key."""
    partition = owner.thread(fork_id).partition
    key = keys.sweep_key(datetime.fromisoformat(begun_at) + SWEEP_AFTER, partition, FORK_KIND)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": FORK_KIND,
        "tenant_id": owner.tenant_id,
        "user_id": owner.user_id,
        "thread_id": fork_id,
        "begun_at": begun_at,
        **key._asdict(),
    }


async def abandon(resources: Resources, work: Row) -> None:
    """Remove a fork that cannot be completed. The sweep removes what this process does not."""
    owner, fork_id = Caller(work["tenant_id"], work["user_id"]), work["thread_id"]
    purge: Row = {
        "schema_version": SCHEMA_VERSION,
        "kind": PURGE_KIND,
        "tenant_id": owner.tenant_id,
        "user_id": owner.user_id,
        "thread_id": fork_id,
        "deleted_at": work["begun_at"],
    }
    key = keys.sweep_key(clock.now(), owner.thread(fork_id).partition, PURGE_KIND)
    place = keys.own_place(fork_id) or ""
    try:
        await resources.table.transact(
            [
                Write(
                    meta_key(owner, fork_id),
                    update="REMOVE forking",
                    condition="deleted_at = :begun AND attribute_exists(forking)",
                    values={":begun": work["begun_at"]},
                ),
                Write(Key(owner.partition, keys.thread_list_sk(place)), delete=True),
                Write(row_key(work), delete=True),
                Write(key, put=purge),
            ]
        )
    except ConditionFailedError:
        return  # Another process has shown or removed it.
    await purge_thread(resources, {**purge, **key._asdict()})
