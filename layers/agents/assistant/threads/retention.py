"""How long a thread lives: `RETENTION_DAYS` from the last message, and each item as long from when it was written.

Each write that prolongs a thread also plans the look at which the sweep removes what has expired by then. Looks of a
day are one row, so that a busy thread has one of them a day.
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


def look(caller: Caller, thread_id: str, expires_at: float) -> Write:
    """Return the write that has the sweep look at a thread on the day after something in it has expired.

    Args:
        caller: The thread's owner.
        thread_id: The thread.
        expires_at: When, in seconds since 1970, UTC.
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


def living_on(
    context: RequestContext,
    thread_id: str,
    place: str | None,
    condition: str,
    names: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> list[Write]:
    """Return the writes that find a thread in a state and, with a retention, let it live on.

    Args:
        context: The request of its owner.
        thread_id: The thread.
        place: Where it stands in its owner's list; needed with a retention only.
        condition: What must hold for its metadata: the first write's condition.
        names: The condition's names.
        values: The condition's values.
    """
    caller = context.caller
    meta = Key(caller.thread(thread_id).partition, keys.META_SK)
    lives = expiry(context.settings.retention_days)
    if not lives:
        return [Write(meta, condition=condition, names=names or {}, values=values or {})]
    prolong = "SET #expires_at = :expires_at, #ttl = :ttl"
    new_names = {"#expires_at": "expires_at", "#ttl": "ttl"}
    new_values = {f":{name}": value for name, value in lives.items()}
    writes = [
        Write(
            meta,
            update=prolong,
            condition=condition,
            names={**(names or {}), **new_names},
            values={**(values or {}), **new_values},
        ),
        look(caller, thread_id, lives["expires_at"]),
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
