"""Export and erase all data of one user.

Operators use both. The identity provider must refuse the user's tokens before an erasure. Otherwise rows that the user
writes during the erasure may remain.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from chatkit.types import GeneratedImageItem

from assistant import clock, hooks
from assistant.aws import Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.files import as_data_url, delete_for_thread
from assistant.identity import Caller
from assistant.threads import PURGE_KIND, SCHEMA_VERSION, delete_thread, load_item, purge_thread, row_key, unpack

ERASE_KIND = "erase"
# Rows that one step reads or removes.
STEP_ROWS = 100
# Attributes that say how a row is stored. An export leaves them out.
_STORAGE = {"pk", "sk", "data", "blob", "object", "images", "schema_version", "ttl", "size", "version", "place"}


async def thread_ids(resources: Resources, user: Caller) -> list[str]:
    """Return the ids of all threads in a user's list, including expired ones."""
    pk = user.partition
    return [row["id"] async for row in _rows(resources, pk, keys.THREAD_LIST_PREFIX, keys.THREAD_LIST_END)]


async def thread_data(resources: Resources, user: Caller, thread_id: str) -> dict[str, Any]:
    """Return all data of a thread: metadata, items of every kind, turn records, and the rest.

    The data includes objects in the bucket: large items, pictures, runs that wait for the user's approval.
    """
    pk = user.thread(thread_id).partition
    data: dict[str, Any] = {"id": thread_id, "thread": None, "items": [], "turns": [], "other": []}
    async for row in _rows(resources, pk, keys.FIRST_SK, keys.LAST_SK):
        if row["sk"] == keys.META_SK:
            data["thread"] = _readable(row)
        elif row["sk"].startswith(keys.ITEM_PREFIX):
            data["items"].append({**_readable(row), **await _item(resources, user, row)})
        elif row["sk"].startswith(keys.story_sk("")) or row["sk"] == keys.TURN_SK:
            data["turns"].append(_readable(row))
        else:
            data["other"].append({**_readable(row), **await _offloaded(resources, row)})
    return data


# The export's entry for an object that no longer exists, after a restore of the table from a point in time.
_LOST = {"lost": True}


async def _item(resources: Resources, user: Caller, row: Row) -> dict[str, Any]:
    try:
        body = await resources.objects.get(row["object"]) if "object" in row else None
    except KeyError:
        return _LOST
    item = load_item(row, body)
    if isinstance(item, GeneratedImageItem) and item.image is not None:
        context = RequestContext(user, resources)
        item.image.url = await as_data_url(item.image, item.thread_id, context) or item.image.url
    data: dict[str, Any] = json.loads(item.model_dump_json())
    return data


async def _offloaded(resources: Resources, row: Row) -> dict[str, Any]:
    """Return the content of a row's object, for rows that are not items; empty if there is no object."""
    if "object" not in row:
        return {}
    try:
        data: dict[str, Any] = json.loads(zlib.decompress(await resources.objects.get(row["object"])))
    except KeyError:
        return _LOST
    return data


async def account_data(resources: Resources, user: Caller) -> dict[str, Any]:
    """Return a user's data that belongs to no thread: attachments, usage, and the agents' own records."""
    partitions = {"account": user.partition, "records": keys.app_partition(user.tenant_id, user.user_id)}
    data: dict[str, Any] = {"tenant_id": user.tenant_id, "user_id": user.user_id}
    for name, pk in partitions.items():
        data[name] = [
            {"key": row["sk"], **_readable(row)} async for row in _rows(resources, pk, keys.FIRST_SK, keys.LAST_SK)
        ]
    data["records"] += [{"key": row["sk"], **_readable(row)} for row in await _tenant_records(resources, user)]
    return data


async def file_ids(resources: Resources, user: Caller) -> list[str]:
    """Return the ids of a user's attachments."""
    pk = user.partition
    rows = _rows(resources, pk, keys.ATTACHMENT_PREFIX, keys.ATTACHMENT_END)
    return [unquote(row["sk"].removeprefix(keys.ATTACHMENT_PREFIX)) async for row in rows]


async def request_erasure(resources: Resources, user: Caller) -> Row:
    """Write work for the sweep that erases a user, so that the erasure finishes even if this process dies.

    Returns:
        The work, for `erase`.
    """
    row: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": ERASE_KIND,
        "tenant_id": user.tenant_id,
        "user_id": user.user_id,
    }
    # A second request writes a second piece of work, which finds nothing to remove.
    key = keys.sweep_key(clock.now(), user.partition, ERASE_KIND)
    await resources.table.transact([Write(key, put=row)])
    return {**row, **key._asdict()}


async def erase(resources: Resources, work: Row, *, time_is_up: Callable[[], bool] = lambda: False) -> bool:
    """Remove a user: threads, items, turns, attachments, usage, and the agents' own records.

    An erasure can be killed and repeated at any point. An unfinished deletion of a thread has its own work row.

    Args:
        resources: The process's table and bucket.
        work: The row that `request_erasure` has written. The caller removes it.
        time_is_up: Called between two steps; True ends the erasure early.

    Returns:
        Whether everything is removed.
    """
    user = Caller(work["tenant_id"], work["user_id"])
    for thread_id in await thread_ids(resources, user):
        if time_is_up() or not await _erase_thread(resources, user, thread_id, time_is_up):
            return False
    attachments = await file_ids(resources, user)
    for start in range(0, len(attachments), STEP_ROWS):
        await delete_for_thread(resources, user, attachments[start : start + STEP_ROWS])
    for prefix in keys.owner_object_prefixes(user.tenant_id, user.user_id):
        await resources.objects.delete_prefix(prefix)
    await resources.table.delete_many([row_key(row) for row in await _tenant_records(resources, user)])
    for pk in (keys.app_partition(user.tenant_id, user.user_id), user.partition):
        while not time_is_up():
            rows, _ = await resources.table.query(pk, between=(keys.FIRST_SK, keys.LAST_SK), limit=STEP_ROWS)
            if not rows:
                break
            await resources.table.delete_many([row_key(row) for row in rows])
        else:
            return False
    return True


async def _erase_thread(resources: Resources, user: Caller, thread_id: str, time_is_up: Callable[[], bool]) -> bool:
    """Remove a thread completely. Return whether everything is removed."""
    pk = user.thread(thread_id).partition
    meta = await resources.table.get(Key(pk, keys.META_SK))
    if meta is None:
        return True
    if not meta.get("deleted_at"):
        await delete_thread(resources, user, thread_id, meta)
        meta = await resources.table.get(Key(pk, keys.META_SK))
    if meta is None:
        return True
    # `delete_thread` removes only the first rows of a large thread.
    rest = {"tenant_id": user.tenant_id, "user_id": user.user_id, "thread_id": thread_id}
    work = {**rest, "deleted_at": meta["deleted_at"]}
    key = keys.sweep_key(datetime.fromisoformat(meta["deleted_at"]), pk, PURGE_KIND)
    return await purge_thread(resources, {**work, **key._asdict()}, time_is_up=time_is_up)


async def _tenant_records(resources: Resources, user: Caller) -> list[Row]:
    """Return this user's records among those that the agents' package keeps for the whole tenant."""
    hook = hooks.find_hook(resources.settings, "records_of_user")
    rows: list[Row] = [] if hook is None else await hook(resources.table, user)
    return rows


def _rows(resources: Resources, pk: str, first: str, last: str) -> AsyncIterator[Row]:
    return resources.table.rows(pk, between=(first, last), page=STEP_ROWS)


def _readable(row: Row) -> dict[str, Any]:
    """Return a row's data, without the attributes that say how it is stored."""
    data = {name: value for name, value in row.items() if name not in _STORAGE and not isinstance(value, bytes)}
    if not row["sk"].startswith(keys.ITEM_PREFIX) and ("data" in row or "blob" in row):
        data |= json.loads(unpack(row))
    return data
