"""Erase a whole tenant: all its users, its own records, its usage, its limits, and its audit trail.

Each user with stored data has a row in the tenant's partition. The erasure takes one such row after the other, so it
continues where it stopped. While it runs, turns and files of all users of the tenant are refused, within a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from assistant import audit, clock, quotas
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.identity import Caller
from assistant.threads import SCHEMA_VERSION
from assistant.upkeep.privacy import AGAIN_AFTER, erase_data, forget_passages, remove_rows

ERASE_TENANT_KIND = "erase_tenant"
STEP_ROWS = 25


async def request_tenant_erasure(resources: Resources, tenant_id: str, *, by: Caller | None = None) -> Row:
    """Write work for the sweep that erases a tenant.

    Args:
        resources: The process's table and bucket.
        tenant_id: The tenant.
        by: The admin who asks for it; None for the operator.

    Returns:
        The work, for `erase_tenant`.
    """
    work: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": ERASE_TENANT_KIND,
        "tenant_id": tenant_id,
        # Otherwise an admin could get around the operator's limits by an erasure.
        "keep_limits": by is not None,
    }
    key = keys.sweep_key(clock.now(), keys.tenant_partition(tenant_id), ERASE_TENANT_KIND)
    # The tenant's own trail goes too, so the deployment's says that it did.
    note = audit.entry(resources, "tenant.erased", by=by, tenant_id=None, tenant=tenant_id)
    await resources.table.transact([Write(key, put=work), quotas.tenant_mark(tenant_id), note.write])
    note.log()
    return {**work, **key._asdict()}


async def erase_tenant(resources: Resources, work: Row, *, time_is_up: Callable[[], bool] = lambda: False) -> bool:
    """Do the work, or go on with it. Return whether everything is removed; the caller then removes the work.

    As in the erasure of a user, the same work is done once more after `AGAIN_AFTER`.
    """
    tenant_id = work["tenant_id"]
    tenant = keys.tenant_partition(tenant_id)
    async for row in resources.table.rows(tenant, between=(keys.MEMBER_PREFIX, keys.MEMBER_END), page=STEP_ROWS):
        user = Caller(tenant_id, row["user_id"])
        if time_is_up() or not await erase_data(resources, user, keep_usage=False, time_is_up=time_is_up):
            return False
        await quotas.unmark_user(resources, user, remove=True)
        await resources.table.delete(Key(row["pk"], row["sk"]))
        with suppress(ConditionFailedError):
            await quotas.count_removed(resources, tenant_id, 1)
    documents = resources.table.rows(tenant, between=(keys.DOCUMENT_PREFIX, keys.DOCUMENT_END), page=STEP_ROWS)
    groups = {None, *work.get("groups", ()), *[row.get("group") async for row in documents]}
    for group in groups:
        await forget_passages(resources, keys.Space(tenant_id, group=group))
    for prefix in keys.owner_object_prefixes(tenant_id):
        await resources.objects.delete_prefix(prefix)
    if not await remove_rows(resources, keys.app_partition(tenant_id), lambda row: False, time_is_up):
        return False
    if not await remove_rows(resources, tenant, lambda row: row["sk"] == keys.LIMITS_SK, time_is_up):
        return False
    if work.get("again"):
        await quotas.unmark_tenant(resources, tenant_id, keep_limits=work.get("keep_limits", False))
        return True
    again = {**{name: value for name, value in work.items() if name not in {"pk", "sk"}}, "again": True}
    again["groups"] = sorted(filter(None, groups))
    await resources.table.put(keys.sweep_key(clock.now() + AGAIN_AFTER, tenant, ERASE_TENANT_KIND), again)
    return True


async def note_member(resources: Resources, tenant_id: str, user_id: str) -> None:
    """Note a user with stored data, for data from before the notes."""
    row = {"schema_version": SCHEMA_VERSION, "user_id": user_id}
    await resources.table.put(keys.member_key(tenant_id, user_id), row)


async def tenant_erasure(resources: Resources, tenant_id: str) -> dict[str, Any] | None:
    """Return the progress of a tenant's erasure; None if none runs."""
    mark = await quotas.marked(resources, tenant_id)
    if mark is None:
        return None
    between = (keys.MEMBER_PREFIX, keys.MEMBER_END)
    rows = resources.table.rows(keys.tenant_partition(tenant_id), between=between, page=STEP_ROWS * 4)
    return {"since": mark["since"], "removed_users": mark["removed"], "left_users": len([row async for row in rows])}
