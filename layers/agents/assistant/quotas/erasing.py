"""Refuse new turns and files of a user or a tenant while their data is being erased.

A user's mark is in the row of now, which each claim writes. It comes with a new revision of the user's record, so the
claims of all processes fail, read the row and find the mark. A tenant's mark is in the tenant's record, which each
process reads again within a minute.
"""

from __future__ import annotations

from typing import Any

from assistant import clock
from assistant.aws import Write, keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.identity import Caller
from assistant.ids import uuid7
from assistant.quotas.limits import ADMINS, OPERATORS
from assistant.quotas.rows import usage_expiry
from assistant.threads import SCHEMA_VERSION


def _user_key(user: Caller) -> Key:
    return Key(user.partition, keys.LIVE_SK)


def _tenant_key(tenant_id: str) -> Key:
    return Key(keys.tenant_partition(tenant_id), keys.LIMITS_SK)


def _mark(key: Key, *, revised: bool) -> Write:
    """Return the write of a mark. A mark that exists keeps its time."""
    return Write(
        key,
        update="SET erasing = if_not_exists(erasing, :mark), schema_version = :version"
        + (", revision = :revision" if revised else "")
        + " REMOVE #ttl",
        names={"#ttl": "ttl"},
        values={
            ":mark": {"since": clock.now().isoformat(), "removed": 0},
            ":version": SCHEMA_VERSION,
            **({":revision": uuid7()} if revised else {}),
        },
    )


def user_mark(user: Caller) -> Write:
    """Return the write that marks a user."""
    return _mark(_user_key(user), revised=True)


def tenant_mark(tenant_id: str) -> Write:
    """Return the write that marks a tenant."""
    return _mark(_tenant_key(tenant_id), revised=False)


async def marked(resources: Resources, owner: Caller | str) -> dict[str, Any] | None:
    """Return the mark of a user, or of a tenant by its id: `since` and `removed`; None if there is none."""
    key = _tenant_key(owner) if isinstance(owner, str) else _user_key(owner)
    mark: dict[str, Any] | None = (await resources.table.get(key) or {}).get("erasing")
    return mark


async def count_removed(resources: Resources, owner: Caller | str, removed: int) -> None:
    """Add to the number of removed threads of a user, or of removed users of a tenant."""
    key = _tenant_key(owner) if isinstance(owner, str) else _user_key(owner)
    await resources.table.update(
        key,
        "SET erasing.#removed = erasing.#removed + :removed",
        condition="attribute_exists(erasing)",
        names={"#removed": "removed"},
        values={":removed": removed},
    )


async def unmark_user(resources: Resources, user: Caller, *, remove: bool) -> None:
    """Remove a user's mark.

    Args:
        resources: The table.
        user: The user.
        remove: Whether the row goes too, with the user's own limits.
    """
    row = await resources.table.get(_user_key(user))
    if remove or row is None:
        await resources.table.delete(_user_key(user))
    elif row.get(OPERATORS) or row.get(ADMINS):
        await resources.table.update(
            _user_key(user), "SET revision = :revision REMOVE erasing", values={":revision": uuid7()}
        )
    else:
        await resources.table.update(
            _user_key(user),
            "SET #ttl = :ttl REMOVE erasing, revision",
            names={"#ttl": "ttl"},
            values={":ttl": usage_expiry()["ttl"]},
        )


async def unmark_tenant(resources: Resources, tenant_id: str, *, keep_limits: bool) -> None:
    """Remove a tenant's mark with the tenant's record.

    Args:
        resources: The table.
        tenant_id: The tenant.
        keep_limits: Whether the operator's limits stay.
    """
    key = _tenant_key(tenant_id)
    if keep_limits and (await resources.table.get(key) or {}).get(OPERATORS):
        await resources.table.update(key, "REMOVE erasing, #admins", names={"#admins": ADMINS})
    else:
        await resources.table.delete(key)
