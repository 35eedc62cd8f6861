"""Export and erase all data of one user.

The operator's commands and the users' own routes use both. While an erasure runs, the user's turns and files are
refused.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from chatkit.types import GeneratedImageItem

from assistant import audit, clock, hooks, quotas
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.files import as_data_url, delete_for_thread, member_write
from assistant.identity import Caller
from assistant.threads import (
    PURGE_KIND,
    SCHEMA_VERSION,
    delete_thread,
    load_item,
    move_hidden_thread,
    moving_to,
    purge_thread,
    row_key,
    unpack,
)
from assistant.upkeep import visitors

ERASE_KIND = "erase"
# Lambda ends every call after 15 minutes. After this time, no process is left that could write for an ended turn.
AGAIN_AFTER = timedelta(minutes=20)
# Rows that one step reads or removes.
STEP_ROWS = 100
# Attributes that say how a row is stored. An export leaves them out.
_STORAGE = {"pk", "sk", "data", "blob", "object", "images", "schema_version", "ttl", "size", "version", "place"}
_STORAGE |= {"original", "new_original"}


async def thread_ids(resources: Resources, user: Caller) -> list[str]:
    """Return the ids of all threads in a user's list, including expired ones."""
    pk = user.partition
    return [row["id"] async for row in _rows(resources, pk, keys.THREAD_LIST_PREFIX, keys.THREAD_LIST_END)]


async def thread_data(resources: Resources, user: Caller, thread_id: str) -> dict[str, Any]:
    """Return all data of a thread: metadata, items of every kind, turn records, documents of its own, and the rest.

    The data includes objects in the bucket: large items, pictures, runs that wait for the user's approval.
    """
    pk = user.thread(thread_id).partition
    data: dict[str, Any] = {"id": thread_id, "thread": None, "items": [], "turns": []}
    data |= {"documents": [], "other": []}
    async for row in _rows(resources, pk, keys.FIRST_SK, keys.LAST_SK):
        if row["sk"] == keys.META_SK:
            data["thread"] = _readable(row)
        elif row["sk"].startswith(keys.ITEM_PREFIX):
            data["items"].append({**_readable(row), **await _item(resources, user, row)})
        elif row["sk"].startswith(keys.story_sk("")) or row["sk"] == keys.TURN_SK:
            data["turns"].append(_readable(row))
        elif row["sk"].startswith(keys.DOCUMENT_PREFIX):
            data["documents"].append(_readable(row))
        else:
            data["other"].append({**_readable(row), **await _offloaded(resources, row)})
            # Rows elsewhere that belong to the thread: a share, a question for a person.
            linked = await resources.table.get_many([Key(*each) for each in row.get("linked", [])])
            data["other"] += [_readable(each) for each in linked.values()]
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
    """Return a user's data that belongs to no thread: attachments, usage and limits, the agents' own records, audit."""
    partitions = {"account": user.partition, "records": keys.app_partition(user.tenant_id, user.user_id)}
    data: dict[str, Any] = {"tenant_id": user.tenant_id, "user_id": user.user_id}
    for name, pk in partitions.items():
        data[name] = [
            {"key": row["sk"], **_readable(row)} async for row in _rows(resources, pk, keys.FIRST_SK, keys.LAST_SK)
        ]
    data["audit"] = [each async for each in audit.entries(resources, user.tenant_id, user_id=user.user_id)]
    data["records"] += [{"key": row["sk"], **_readable(row)} for row in await _tenant_records(resources, user)]
    return data


async def document_rows(resources: Resources, user: Caller, thread_id: str | None = None) -> list[Row]:
    """Return the rows of the documents that a user has added, or that a thread has: those whose bytes are there."""
    space = keys.Space(user.tenant_id, user.user_id, thread_id)
    rows = _rows(resources, space.partition, keys.DOCUMENT_PREFIX, keys.DOCUMENT_END)
    return [row async for row in rows if "original" in row or row["state"] != "uploading"]


def document_original(row: Row) -> str:
    """Return the object of a document: of the searchable version, or of one that is not searchable."""
    original: str = row.get("original") or row["new_original"]
    return original


async def file_ids(resources: Resources, user: Caller) -> list[str]:
    """Return the ids of a user's attachments."""
    pk = user.partition
    rows = _rows(resources, pk, keys.ATTACHMENT_PREFIX, keys.ATTACHMENT_END)
    return [unquote(row["sk"].removeprefix(keys.ATTACHMENT_PREFIX)) async for row in rows]


async def request_erasure(
    resources: Resources, user: Caller, *, by: Caller | None = None, keep_usage: bool = False
) -> Row:
    """Write work for the sweep that erases a user, so that the erasure finishes even if this process dies.

    From now on, the user's new turns and files are refused until the erasure is complete.

    Args:
        resources: The process's table and bucket.
        user: The user.
        by: The user who asks for it; None for the operator.
        keep_usage: Whether the counters of usage and the user's limits stay, until they expire. Otherwise a user could
            get around a limit by an erasure.

    Returns:
        The work, for `erase`.
    """
    row: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": ERASE_KIND,
        "tenant_id": user.tenant_id,
        "user_id": user.user_id,
        "keep_usage": keep_usage,
    }
    # A second request writes a second piece of work, which finds nothing to remove.
    key = keys.sweep_key(clock.now(), user.partition, ERASE_KIND)
    note = audit.entry(resources, "user.erased", by=by, tenant_id=user.tenant_id, about=user.user_id)
    await resources.table.transact([Write(key, put=row), quotas.user_mark(user), note.write])
    note.log()
    return {**row, **key._asdict()}


async def erase(resources: Resources, work: Row, *, time_is_up: Callable[[], bool] = lambda: False) -> bool:
    """Remove a user: threads, items, turns, attachments, exports, usage, and the agents' own records.

    Running turns end first. A turn that cannot be ended is taken over, and a tool of it may go on for a while. So the
    same work is done once more after `AGAIN_AFTER`, when no process of this time still runs.

    An erasure can be killed and repeated at any point. An unfinished deletion of a thread has its own work row.

    Args:
        resources: The process's table and bucket.
        work: The row that `request_erasure` has written. The caller removes it.
        time_is_up: Called between two steps; True ends the erasure early.

    Returns:
        Whether everything is removed.
    """
    user = Caller(work["tenant_id"], work["user_id"])
    if not await erase_data(resources, user, keep_usage=work.get("keep_usage", False), time_is_up=time_is_up):
        return False
    if work.get("again"):
        keep_usage = work.get("keep_usage", False)
        await quotas.unmark_user(resources, user, remove=not keep_usage)
        member = keys.member_key(user.tenant_id, user.user_id)
        if keep_usage:
            # An erasure of the tenant still finds the counters, as long as they exist.
            await resources.table.put(member, {**(member_write(user).put or {}), **quotas.usage_expiry()})
        else:
            await resources.table.delete(member)
        return True
    again = {**{name: value for name, value in work.items() if name not in {"pk", "sk"}}, "again": True}
    key = keys.sweep_key(clock.now() + AGAIN_AFTER, user.partition, ERASE_KIND)
    await resources.table.put(key, again)
    return True


async def erase_data(
    resources: Resources, user: Caller, *, keep_usage: bool, time_is_up: Callable[[], bool] = lambda: False
) -> bool:
    """Remove everything of a user, except the mark that refuses new data. Return whether everything is removed."""
    if not await _settle_moves(resources, user, time_is_up):
        return False
    # Imported here so that the sweep starts without the turns.
    from assistant import turns

    context = RequestContext(user, resources)
    for thread_id in await thread_ids(resources, user):
        if time_is_up() or not await turns.end_turn(context, thread_id):
            return False
        if not await _erase_thread(resources, user, thread_id, time_is_up):
            return False
        await _count(resources, user)
    attachments = await file_ids(resources, user)
    for start in range(0, len(attachments), STEP_ROWS):
        await delete_for_thread(resources, user, attachments[start : start + STEP_ROWS])
    for prefix in keys.owner_object_prefixes(user.tenant_id, user.user_id):
        await resources.objects.delete_prefix(prefix)
    await forget_passages(resources, keys.Space(user.tenant_id, user.user_id))
    await resources.table.delete_many([row_key(row) for row in await _tenant_records(resources, user)])
    for pk in (keys.app_partition(user.tenant_id, user.user_id), user.partition):
        if not await remove_rows(resources, pk, lambda row: _stays(row, keep_usage), time_is_up):
            return False
    return True


async def forget_passages(resources: Resources, space: keys.Space) -> None:
    """Remove the passages of a space, if there is knowledge."""
    if resources.settings.knowledge.on:
        from assistant.passages import passage_store

        await passage_store(resources).remove(space)


async def _count(resources: Resources, user: Caller) -> None:
    with suppress(ConditionFailedError):  # An erasure of a whole tenant marks no user.
        await quotas.count_removed(resources, user, 1)


def _stays(row: Row, keep_usage: bool) -> bool:
    sk: str = row["sk"]
    return row["pk"].startswith("USER#") and (sk == keys.LIVE_SK or (keep_usage and sk.startswith(keys.USAGE_PREFIX)))


async def remove_rows(
    resources: Resources, pk: str, stays: Callable[[Row], bool], time_is_up: Callable[[], bool]
) -> bool:
    """Remove the rows of a partition, except those that stay. Return whether all others are removed."""
    after, more = None, True
    while more:
        if time_is_up():
            return False
        rows, more = await resources.table.query(
            pk, after=after, between=(keys.FIRST_SK, keys.LAST_SK), limit=STEP_ROWS
        )
        await resources.table.delete_many([row_key(row) for row in rows if not stays(row)])
        after = rows[-1]["sk"] if rows else after
    return True


async def _settle_moves(resources: Resources, user: Caller, time_is_up: Callable[[], bool]) -> bool:
    """Finish the moves of threads to this user and from this user. Return whether none is left."""
    between = (keys.TAKEN_ALONG_PREFIX, keys.TAKEN_ALONG_END)
    async for mark in resources.table.rows(user.partition, between=between, page=STEP_ROWS):
        if not await visitors.take_along(resources, mark, time_is_up=time_is_up):
            return False
    async for row in _rows(resources, user.partition, keys.THREAD_LIST_PREFIX, keys.THREAD_LIST_END):
        target = moving_to(row)
        if target is not None:
            await move_hidden_thread(resources, user, row, target)
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
    kept = {name: value for name, value in row.items() if name not in _STORAGE and not isinstance(value, bytes)}
    data = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in kept.items()}
    if not row["sk"].startswith(keys.ITEM_PREFIX) and ("data" in row or "blob" in row):
        data |= json.loads(unpack(row))
    return data
