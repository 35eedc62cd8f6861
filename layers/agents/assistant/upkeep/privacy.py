"""A user's data: all of it read, for a copy that they may have, and all of it removed.

Both are for operators. A user's token is to be refused before an erasure, or what they write meanwhile is removed
with the rest at best, and stays at worst.
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
# Rows that are read, or removed, in one step.
STEP_ROWS = 100
# Of a row, what says how it is stored and not what it says.
_STORAGE = {"pk", "sk", "data", "blob", "object", "images", "schema_version", "ttl", "size", "version", "place"}


async def thread_ids(resources: Resources, user: Caller) -> list[str]:
    """Return the ids of all threads in a user's list, those that have expired too."""
    pk = user.partition
    return [row["id"] async for row in _rows(resources, pk, keys.THREAD_LIST_PREFIX, keys.THREAD_LIST_END)]


async def thread_data(resources: Resources, user: Caller, thread_id: str) -> dict[str, Any]:
    """Return everything that a thread holds: metadata, items of every kind, the stories of its turns, and the rest.

    What of it is kept in the bucket comes along: large items, pictures, runs that wait for the user's approval.
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


# What stands for an object that went with its item, after a restore of the table from a point in time.
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
    said: dict[str, Any] = json.loads(item.model_dump_json())
    return said


async def _offloaded(resources: Resources, row: Row) -> dict[str, Any]:
    """Return what a row that is no item says in the bucket, if it says anything there."""
    if "object" not in row:
        return {}
    try:
        said: dict[str, Any] = json.loads(zlib.decompress(await resources.objects.get(row["object"])))
    except KeyError:
        return _LOST
    return said


async def account_data(resources: Resources, user: Caller) -> dict[str, Any]:
    """Return what belongs to a user and to no thread: attachments, usage, and the agents' own records."""
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
    """Write down that a user is to be erased: from now on the sweep does it, whatever becomes of the caller.

    Returns:
        The work, for `erase`.
    """
    row: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": ERASE_KIND,
        "tenant_id": user.tenant_id,
        "user_id": user.user_id,
    }
    # Asked for twice it is done twice, and the second time finds nothing.
    key = keys.sweep_key(clock.now(), user.partition, ERASE_KIND)
    await resources.table.transact([Write(key, put=row)])
    return {**row, **key._asdict()}


async def erase(resources: Resources, work: Row, *, time_is_up: Callable[[], bool] = lambda: False) -> bool:
    """Remove a user: threads, items, turns, attachments, usage, and the agents' own records.

    It may be killed and repeated at any point: what a thread's deletion leaves then has a piece of work of its own.

    Args:
        resources: The process's table and bucket.
        work: What `request_erasure` wrote. Removing its row is left to who dispatched it.
        time_is_up: Asked between two steps.

    Returns:
        Whether all is gone.
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
    """Remove a thread, all of it, and return whether that is done."""
    pk = user.thread(thread_id).partition
    meta = await resources.table.get(Key(pk, keys.META_SK))
    if meta is None:
        return True
    if not meta.get("deleted_at"):
        await delete_thread(resources, user, thread_id, meta)
        meta = await resources.table.get(Key(pk, keys.META_SK))
    if meta is None:
        return True
    # What is too large to be removed in the deletion itself.
    rest = {"tenant_id": user.tenant_id, "user_id": user.user_id, "thread_id": thread_id}
    work = {**rest, "deleted_at": meta["deleted_at"]}
    key = keys.sweep_key(datetime.fromisoformat(meta["deleted_at"]), pk, PURGE_KIND)
    return await purge_thread(resources, {**work, **key._asdict()}, time_is_up=time_is_up)


async def _tenant_records(resources: Resources, user: Caller) -> list[Row]:
    """Return what the agents' package keeps for the whole tenant and is this user's."""
    hook = hooks.find_hook(resources.settings, "records_of_user")
    rows: list[Row] = [] if hook is None else await hook(resources.table, user)
    return rows


def _rows(resources: Resources, pk: str, first: str, last: str) -> AsyncIterator[Row]:
    return resources.table.rows(pk, between=(first, last), page=STEP_ROWS)


def _readable(row: Row) -> dict[str, Any]:
    """Return what a row says, without how it is stored."""
    said = {name: value for name, value in row.items() if name not in _STORAGE and not isinstance(value, bytes)}
    if not row["sk"].startswith(keys.ITEM_PREFIX) and ("data" in row or "blob" in row):
        said |= json.loads(unpack(row))
    return said
