"""Records that change limits without a deployment, and the record that stops all paid calls.

A process reads the tenant's record and the stop in one round trip, and keeps them for a short time. A change of them
holds everywhere after `STALE_SECONDS`. While they are younger, a request does not wait for them.

A record has two parts: the operator's limits and those of an admin of the tenant. Of both, the stricter limit holds. So
no admin undoes what the operator has set, in a record or in the settings.

A user's record is part of the user's row of now, which each claim writes. The claim has the condition that the record
is the one that the process knows. So a change of it holds at once, and costs no read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from assistant import audit, clock
from assistant.aws import ConditionFailedError, Row, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import BeingErasedError, ModelsStoppedError, StoreUnavailableError
from assistant.identity import Caller
from assistant.ids import uuid7
from assistant.quotas.limits import ADMINS, OPERATORS, Limits
from assistant.quotas.live import live_key
from assistant.quotas.rows import DAY_LIFETIME, Counting
from assistant.threads import SCHEMA_VERSION

logger = logging.getLogger(__name__)

# A request starts a new read beside itself if the records are older than this.
FRESH_SECONDS = 15.0
# A request waits for a new read if the records are older than this. The stop must hold within a minute.
STALE_SECONDS = 45.0
# Users whose records a process keeps. The oldest leaves first, and costs one refused claim when it comes back.
MAX_KNOWN_USERS = 10_000

STOP_KEY = Key(keys.CONTROL_PARTITION, "models")


def tenant_key(tenant_id: str) -> Key:
    """Return the key of a tenant's record."""
    return Key(keys.tenant_partition(tenant_id), keys.LIMITS_SK)


async def load_records(context: RequestContext) -> None:
    """Make sure that this process knows the tenant's record and the stop.

    Raises:
        StoreUnavailableError: they are not known, and cannot be read.
    """
    wanted = [STOP_KEY, tenant_key(context.caller.tenant_id)]
    known, now = context.resources.records, asyncio.get_running_loop().time()
    age = max(now - known[key][0] if key in known else STALE_SECONDS for key in wanted)
    if age >= STALE_SECONDS:
        await _read(context.resources, wanted)
    elif age >= FRESH_SECONDS and not context.resources.reading:
        task = asyncio.create_task(_read_beside(context.resources, wanted))
        context.resources.reading.add(task)
        task.add_done_callback(context.resources.reading.discard)


async def _read(resources: Resources, wanted: list[Key]) -> None:
    now = asyncio.get_running_loop().time()
    found = await resources.table.get_many(wanted)
    resources.records.update({key: (now, found.get(key)) for key in wanted})


async def _read_beside(resources: Resources, wanted: list[Key]) -> None:
    try:
        await _read(resources, wanted)
    except StoreUnavailableError:
        logger.warning("the records of limits could not be read")


def check_running(context: RequestContext) -> None:
    """Refuse a paid call while all of them are stopped. `load_records` comes before.

    Raises:
        ModelsStoppedError: the operator has stopped all paid calls.
        BeingErasedError: the tenant's data is being erased.
    """
    if _known(context.resources, tenant_key(context.caller.tenant_id)).get("erasing"):
        raise BeingErasedError
    if _known(context.resources, STOP_KEY).get("stopped"):
        raise ModelsStoppedError


async def is_stopped(context: RequestContext) -> bool:
    """Tell a running turn whether all paid calls are stopped. If the table is unavailable, the turn goes on."""
    try:
        await load_records(context)
        check_running(context)
    except StoreUnavailableError:
        return False
    except (BeingErasedError, ModelsStoppedError):
        return True
    return False


def limits_of(context: RequestContext) -> Limits:
    """Return the limits of the caller, as far as this process knows the records."""
    tenant = _known(context.resources, tenant_key(context.caller.tenant_id))
    user = _known(context.resources, live_key(context))
    operators = Limits.of(context.settings).changed(tenant.get(OPERATORS, {})).changed(user.get(OPERATORS, {}))
    return operators.tightened(tenant.get(ADMINS, {}) | user.get(ADMINS, {}))


def known_revision(context: RequestContext) -> str | None:
    """Return the revision of the user's record that this process knows; None for no record."""
    revision: str | None = _known(context.resources, live_key(context)).get("revision")
    return revision


def learn(row: Row | None, context: RequestContext) -> bool:
    """Take over the user's record from the row of now. Return whether the record has changed.

    Raises:
        BeingErasedError: the user's data is being erased.
    """
    if (row or {}).get("erasing"):
        raise BeingErasedError
    found = {name: (row or {}).get(name) for name in (OPERATORS, ADMINS, "revision")}
    if found["revision"] == known_revision(context):
        return False
    records = context.resources.records
    if len(records) >= MAX_KNOWN_USERS:
        del records[next(iter(records))]
    records[live_key(context)] = (asyncio.get_running_loop().time(), found)
    return True


def _known(resources: Resources, key: Key) -> Mapping[str, Any]:
    return {name: value for name, value in (resources.records.get(key, (0.0, None))[1] or {}).items() if value}


def claimed_row(context: RequestContext) -> Counting:
    """Return a write of the user's row of now, on condition that this process knows the user's record."""
    revision = known_revision(context)
    row = Counting(live_key(context), lifetime=DAY_LIFETIME if revision is None else None)
    row.equal("revision", revision)
    return row


async def change_limits(
    resources: Resources,
    tenant_id: str,
    user_id: str | None,
    values: Mapping[str, int | float | None] | None,
    *,
    by: Caller | None = None,
) -> None:
    """Write the operator's or an admin's part of the record of a tenant or of a user.

    Args:
        resources: The table.
        tenant_id: The tenant.
        user_id: The user; None for the tenant's record.
        values: The limits by name, checked; None removes the part.
        by: The admin; None for the operator.
    """
    key = _record_key(tenant_id, user_id)
    part, other = (OPERATORS, ADMINS) if by is None else (ADMINS, OPERATORS)
    words = " ".join(f"{name}={'none' if value is None else value}" for name, value in sorted((values or {}).items()))
    note = audit.entry(
        resources, "limits.changed", by=by, tenant_id=tenant_id, about=user_id, limits=words or "removed"
    )
    if values is not None or not await _removed_last(resources, key, part, other):
        await resources.table.update(
            key,
            # The row with a user's record does not expire.
            "SET #part = :limits, revision = :revision, changed_at = :now, schema_version = :version REMOVE #ttl",
            names={"#part": part, "#ttl": "ttl"},
            values={
                ":limits": dict(values or {}),
                ":revision": uuid7(),
                ":now": clock.now().isoformat(),
                ":version": SCHEMA_VERSION,
            },
        )
    await audit.record(resources, note)


async def _removed_last(resources: Resources, key: Key, part: str, other: str) -> bool:
    """Remove a part of a record, and the record with it. Return False if the other part has limits."""
    try:
        await resources.table.update(
            key,
            "REMOVE #part, #other, revision",
            condition="attribute_not_exists(#other) OR #other = :nothing",
            names={"#part": part, "#other": other},
            values={":nothing": {}},
        )
    except ConditionFailedError:
        return False
    return True


async def stored_limits(
    resources: Resources, tenant_id: str, user_id: str | None, *, of_admin: bool = False
) -> dict[str, Any]:
    """Return the operator's or an admin's part of the record of a tenant or of a user; empty if there is none."""
    row = await resources.table.get(_record_key(tenant_id, user_id)) or {}
    return dict(row.get(ADMINS if of_admin else OPERATORS) or {})


def _record_key(tenant_id: str, user_id: str | None) -> Key:
    return tenant_key(tenant_id) if user_id is None else Key(Caller(tenant_id, user_id).partition, keys.LIVE_SK)


async def stop_models(resources: Resources, *, stopped: bool, reason: str) -> None:
    """Stop all paid calls of the deployment, or allow them again. The change holds within a minute."""
    row = {
        "schema_version": SCHEMA_VERSION,
        "stopped": stopped,
        "reason": reason,
        "changed_at": clock.now().isoformat(),
    }
    await resources.table.put(STOP_KEY, row)
    action: audit.Action = "models.stopped" if stopped else "models.started"
    await audit.record(resources, audit.entry(resources, action, by=None, tenant_id=None, reason=reason or None))
