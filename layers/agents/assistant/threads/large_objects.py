"""Objects of items that are too large for the table.

An object is put into the bucket before the row that points to it, and removed after the row that did. Before and
between stands a piece of work for the sweep, so that a crash at any point leaves no object that nothing points to.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from assistant import clock
from assistant.aws import Row, Write, keys
from assistant.context import Resources
from assistant.threads.rows import SCHEMA_VERSION, Offload

OBJECT_KIND = "object"
# A transaction that has not come this long after its object never will, and whoever has read a row has read its object:
# Lambda ends any call after 15 minutes.
UNCLAIMED_LIFETIME = timedelta(hours=1)


def _removal(object_key: str, due: datetime) -> Write:
    row: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "kind": OBJECT_KIND, "object": object_key}
    return Write(keys.sweep_key(due, object_key, OBJECT_KIND), put=row)


async def put_object(resources: Resources, offload: Offload) -> Write:
    """Put an object into the bucket.

    Returns:
        The write that keeps it, for the transaction that writes the row which points to it; without that
        transaction the sweep removes the object.
    """
    removal = _removal(offload.key, clock.now() + UNCLAIMED_LIFETIME)
    await resources.table.transact([removal])
    await resources.objects.put(offload.key, offload.body)
    return Write(removal.key, delete=True)


def object_removals(row: Row) -> list[Write]:
    """Return the writes that go along when a row stops pointing to its object: none if it has none."""
    return [_removal(row["object"], clock.now())] if "object" in row else []


def object_expiry(object_key: str, expires_at: datetime) -> Write:
    """Return the write that goes along with a row that nobody reads after a time: its object goes then as well."""
    return _removal(object_key, expires_at + UNCLAIMED_LIFETIME)


def row_object_removals(row: Row) -> list[Write]:
    """Return the writes that go along when a row goes: its object and its pictures go too."""
    return [*object_removals(row), *(_removal(each, clock.now()) for each in row.get("images", []))]


async def sweep_object(resources: Resources, row: Row) -> None:
    """Remove an object that nothing points to. Removing the work's row is left to who dispatched it."""
    await resources.objects.delete_many([row["object"]])
