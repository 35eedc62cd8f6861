"""Expire threads `RETENTION_DAYS` after the start of their last turn, and expire items `RETENTION_DAYS` after their
last write.

A change of an item outside a turn, such as a synchronous click, also extends the time of its thread. Each such
write also writes work for the sweep, which later removes the expired rows. The work of one thread and one day is
one row, so a busy thread adds one row per day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from assistant.aws import Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.identity import Caller
from assistant.threads.rows import SCHEMA_VERSION, expiry

EXPIRE_KIND = "expire"


def expiry_work(caller: Caller, thread_id: str, expires_at: float) -> Write:
    """Return the write that makes the sweep check a thread on the day after `expires_at`.

    Args:
        caller: The thread's owner.
        thread_id: The thread.
        expires_at: When the row that is written now expires, in seconds since 1970, UTC.
    """
    end = datetime.fromtimestamp(expires_at, UTC)
    day_after = datetime(end.year, end.month, end.day, tzinfo=UTC) + timedelta(days=1)
    row = {
        "schema_version": SCHEMA_VERSION,
        "kind": EXPIRE_KIND,
        "tenant_id": caller.tenant_id,
        "user_id": caller.user_id,
        "thread_id": thread_id,
    }
    partition = caller.thread(thread_id).partition
    return Write(keys.sweep_key(day_after, partition, EXPIRE_KIND), put=row)


def prolong_writes(
    context: RequestContext,
    thread_id: str,
    place: str | None,
    condition: str,
    names: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> list[Write]:
    """Return the writes that check a thread's metadata and, with a retention, move its expiry forward.

    Args:
        context: The owner's request.
        thread_id: The thread.
        place: The thread's place in its owner's list. Needed only with a retention.
        condition: The condition on the metadata row: the first write's condition.
        names: The condition's names.
        values: The condition's values.
    """
    caller = context.caller
    meta = Key(caller.thread(thread_id).partition, keys.META_SK)
    retention = expiry(context.settings.retention_days)
    if not retention:
        return [Write(meta, condition=condition, names=names or {}, values=values or {})]
    prolong = "SET #expires_at = :expires_at, #ttl = :ttl"
    new_names = {"#expires_at": "expires_at", "#ttl": "ttl"}
    new_values = {f":{name}": value for name, value in retention.items()}
    writes = [
        Write(
            meta,
            update=prolong,
            condition=condition,
            names={**(names or {}), **new_names},
            values={**(values or {}), **new_values},
        ),
        expiry_work(caller, thread_id, retention["expires_at"]),
    ]
    if place is not None:
        user = caller.partition
        writes.append(
            Write(
                Key(user, keys.thread_list_sk(place)),
                update=prolong,
                condition="attribute_exists(pk)",
                names=new_names,
                values=new_values,
            )
        )
    return writes
