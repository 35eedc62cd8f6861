"""Bucket objects for items that are too large for the table.

A writer puts the object before it writes the row that points to the object. It removes an object only after no row
points to it. Work for the sweep covers both gaps, so a crash at any point leaves no orphan object.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from assistant import clock
from assistant.aws import Row, Write, keys
from assistant.context import Resources
from assistant.threads.rows import SCHEMA_VERSION, Offload

OBJECT_KIND = "object"
# Lambda ends every call after 15 minutes. After an hour no writer can still commit its row, and no reader still needs
# the object.
UNCLAIMED_LIFETIME = timedelta(hours=1)


def _removal(object_key: str, due: datetime) -> Write:
    row: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "kind": OBJECT_KIND, "object": object_key}
    return Write(keys.sweep_key(due, object_key, OBJECT_KIND), put=row)


async def put_object(resources: Resources, offload: Offload) -> Write:
    """Put an object into the bucket.

    Returns:
        The write that cancels the object's removal. It belongs into the transaction that writes the row which points
        to the object. Without that transaction the sweep removes the object.
    """
    removal = _removal(offload.key, clock.now() + UNCLAIMED_LIFETIME)
    await resources.table.transact([removal])
    await resources.objects.put(offload.key, offload.body)
    return Write(removal.key, delete=True)


def prefix_removal(prefix: str, due: datetime) -> Write:
    """Return the write that lets the sweep remove all objects under a prefix, an hour after a time."""
    row: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "kind": OBJECT_KIND, "prefix": prefix}
    return Write(keys.sweep_key(due + UNCLAIMED_LIFETIME, prefix, OBJECT_KIND), put=row)


def object_removals(row: Row) -> list[Write]:
    """Return the writes that let the sweep remove a row's object; empty if the row has no object."""
    return [_removal(row["object"], clock.now())] if "object" in row else []


def object_expiry(object_key: str, expires_at: datetime) -> Write:
    """Return the write that lets the sweep remove an object after its row has expired."""
    return _removal(object_key, expires_at + UNCLAIMED_LIFETIME)


def row_object_removals(row: Row) -> list[Write]:
    """Return the writes that let the sweep remove a row's object and pictures, for when the row is removed."""
    return [*object_removals(row), *(_removal(each, clock.now()) for each in row.get("images", []))]


async def sweep_object(resources: Resources, row: Row) -> None:
    """Remove an orphan object, or the objects under a prefix. The caller removes the work's row."""
    if "prefix" in row:
        await resources.objects.delete_prefix(row["prefix"])
    else:
        await resources.objects.delete_many([row["object"]])
