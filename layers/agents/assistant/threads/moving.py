"""Move a thread to another identity of the same person: a visitor has signed in.

A thread moves in three steps, and each can be repeated:

1. One transaction hides the thread from its old owner. It fails while a turn runs.
2. Rows and objects are copied page by page. Nobody sees the copy, because it has no metadata yet.
3. One transaction writes the metadata and the new owner's list entry, and removes the old list entry. It also turns the
   old thread into a deleted one, so that the work of a deletion removes the rest.

Until the last transaction, the old list entry names the new owner. So the thread is never without a way to it. A copy
is only written while the new metadata does not exist, so a late process never overwrites the new owner's changes.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from assistant import clock
from assistant.aws import MAX_TRANSACTION_ROWS, ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import ConflictError
from assistant.files import copied_files, member_write
from assistant.identity import Caller
from assistant.texts import DEFAULT_LANGUAGE, in_language
from assistant.threads import places
from assistant.threads.deletion import INLINE_ROWS, PURGE_KIND, purge_thread
from assistant.threads.going_on import HANDLED_BY, PERSON_LEFT, STATUS_PREFIX, left_alone, line_of
from assistant.threads.items import ItemRows
from assistant.threads.large_objects import object_expiry
from assistant.threads.retention import expiry_work
from assistant.threads.rows import SCHEMA_VERSION, expiry, is_visible, load_metadata, metadata_attributes, row_key

# A page of rows is one transaction, with its check and with the rows of the attachments.
PAGE_ROWS = 50
_STORAGE = {"pk", "sk"}
# What this module and the retention add to the rows of a thread.
_OF_THE_OWNER = {"deleted_at", "moving", "copied", "expires_at", "ttl"}


def moving_to(row: Row) -> Caller | None:
    """Return the new owner that a thread is moving to; None if the thread does not move."""
    target = row.get("moving")
    return None if target is None else Caller(target["tenant_id"], target["user_id"])


async def hide_thread(resources: Resources, source: Caller, listed: Row, target: Caller) -> bool:
    """Hide a thread from its owner because it moves. End its turn before.

    Args:
        resources: The process's table.
        source: The owner.
        listed: The thread's row in the owner's list.
        target: The new owner.

    Returns:
        Whether the thread moves now; False if a turn runs, or if the thread has been deleted.
    """
    thread = source.thread(listed["id"])
    values = {":now": clock.now().isoformat(), ":target": {"tenant_id": target.tenant_id, "user_id": target.user_id}}

    def hidden(key: Key) -> Write:
        return Write(
            key,
            update="SET deleted_at = :now, moving = :target REMOVE #ttl",
            # A job writes into the thread of its owner, so the thread moves when the job has ended.
            condition="attribute_exists(pk) AND attribute_not_exists(deleted_at) AND attribute_not_exists(working)",
            names={"#ttl": "ttl"},
            values=values,
        )

    try:
        await resources.table.transact(
            [
                hidden(Key(thread.partition, keys.META_SK)),
                hidden(row_key(listed)),
                # A running turn would go on with a thread whose copy it does not know.
                Write(
                    thread.turn_key,
                    condition="attribute_not_exists(turn_id) OR #state <> :running",
                    names={"#state": "state"},
                    values={":running": "running"},
                ),
            ]
        )
    except ConditionFailedError:
        return False
    return True


async def move_hidden_thread(resources: Resources, source: Caller, listed: Row, target: Caller) -> None:
    """Copy a hidden thread to its new owner, show the copy, and remove the old thread.

    Args:
        resources: The process's table and bucket.
        source: The old owner.
        listed: The thread's row in the old owner's list. It names the new owner.
        target: The new owner.

    Raises:
        ConflictError: the new owner has another thread with this id. The old thread stays hidden.
    """
    meta = await resources.table.get(Key(source.thread(listed["id"]).partition, keys.META_SK))
    if meta is None or moving_to(meta) != target:
        return  # Another process has just moved it.
    try:
        await _copy_rows(resources, source, meta, target)
        work = await _show(resources, source, listed, meta, target)
    except ConditionFailedError:
        meta = await resources.table.get(row_key(meta))
        if meta is not None and moving_to(meta) == target:
            raise ConflictError("There is another conversation with this id.") from None
        return
    await purge_thread(resources, work, most=INLINE_ROWS)


async def _copy_rows(resources: Resources, source: Caller, meta: Row, target: Caller) -> None:
    old, new = source.thread(meta["id"]), target.thread(meta["id"])
    absent = Write(Key(new.partition, keys.META_SK), condition="attribute_not_exists(pk)")
    after, more = meta.get("copied"), True
    while more:
        rows, more = await resources.table.query(
            old.partition, after=after, between=(keys.FIRST_SK, keys.HEAD_SK), limit=PAGE_ROWS
        )
        writes: list[Write] = []
        objects: list[str] = []
        for row in rows:
            for key in [*([row["object"]] if "object" in row else []), *row.get("images", [])]:
                objects.append(new.object_prefix + key.removeprefix(old.object_prefix))
                await _copy_object(resources, key, objects[-1])
            writes += _copied(resources, row, old.object_prefix, new)
        attached = [name for row in rows for name in row.get("attachments", [])]
        writes += await copied_files(resources, source, target, attached)
        try:
            for start in range(0, len(writes), MAX_TRANSACTION_ROWS - 1):
                await resources.table.transact([absent, *writes[start : start + MAX_TRANSACTION_ROWS - 1]])
        except ConditionFailedError:
            # Another process has moved the thread. If its new owner has deleted it already, nothing removes our copies.
            if not is_visible(await resources.table.get(absent.key)):
                await resources.objects.delete_many(objects)
            raise
        if rows:
            after = rows[-1]["sk"]
            await resources.table.update(
                row_key(meta), "SET copied = :sk", condition="attribute_exists(moving)", values={":sk": after}
            )


async def _copy_object(resources: Resources, key: str, new_key: str) -> None:
    try:
        await resources.objects.copy(key, new_key)
    except KeyError:
        return  # It was lost before, and its item is shown without it.


def _copied(resources: Resources, row: Row, old_prefix: str, new: keys.ThreadRef) -> list[Write]:
    """Return the writes of a row's copy; none for a row that names rows of the old owner's thread."""
    if "linked" in row:
        return []
    copy: dict[str, Any] = {name: value for name, value in row.items() if name not in _STORAGE}
    key = Key(new.partition, row["sk"])
    # Items and turn records live as long as the new owner's thread. Other rows have times of their own.
    if row["sk"].startswith((keys.ITEM_PREFIX, keys.story_sk(""))):
        copy = {name: value for name, value in copy.items() if name not in _OF_THE_OWNER}
        copy |= expiry(resources.settings.retention_days)
    if "images" in copy:
        copy["images"] = [new.object_prefix + each.removeprefix(old_prefix) for each in copy["images"]]
    writes = [Write(key, put=copy)]
    if "object" in copy:
        copy["object"] = new.object_prefix + copy["object"].removeprefix(old_prefix)
        if row["sk"].startswith(keys.HELD_RUN_PREFIX):
            writes.append(object_expiry(copy["object"], datetime.fromtimestamp(row["expires_at"], UTC)))
    return writes


async def _show(resources: Resources, source: Caller, listed: Row, meta: Row, target: Caller) -> Row:
    """Give the copied thread to its new owner. Return the work that removes the old thread."""
    thread_id, place = meta["id"], meta["place"]
    retention = expiry(resources.settings.retention_days)
    new, old = target.thread(thread_id), source.thread(thread_id)
    words_sk = keys.words_sk(place)
    turn, words = await asyncio.gather(
        resources.table.get(old.turn_key), resources.table.get(Key(source.partition, words_sk))
    )
    work: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": PURGE_KIND,
        "tenant_id": source.tenant_id,
        "user_id": source.user_id,
        "thread_id": thread_id,
        "deleted_at": meta["deleted_at"],
    }
    work_key = keys.sweep_key(clock.now(), old.partition, PURGE_KIND)
    content, shown = (_given(row) | retention for row in (meta, listed))
    writes = [
        Write(Key(new.partition, keys.META_SK), put=content, condition="attribute_not_exists(pk)"),
        Write(
            row_key(meta),
            update="REMOVE moving, copied, #data, #blob",
            condition="attribute_exists(moving) AND deleted_at = :deleted_at",
            names={"#data": "data", "#blob": "blob"},
            values={":deleted_at": meta["deleted_at"]},
        ),
        Write(Key(target.partition, keys.thread_list_sk(place)), put=shown),
        Write(row_key(listed), delete=True),
        Write(work_key, put=work),
        member_write(target),
    ]
    if words is not None:
        words = {name: value for name, value in words.items() if name not in _STORAGE | _OF_THE_OWNER} | retention
        writes.append(Write(Key(target.partition, words_sk), put=words))
        writes.append(Write(Key(source.partition, words_sk), delete=True))
    if turn is not None:
        writes.append(Write(new.turn_key, put={name: value for name, value in turn.items() if name not in _STORAGE}))
    if retention:
        writes.append(expiry_work(target, thread_id, retention["expires_at"]))
    if keys.own_place(thread_id) is None:
        alias = {"schema_version": SCHEMA_VERSION, "place": place}
        writes.append(Write(places.alias_key(target.partition, thread_id), put=alias))
        writes.append(places.lapsing_alias(source.partition, thread_id, place))
    if meta.get("person") == "answering":
        writes += await _person_left(resources, meta, target)
    await resources.table.transact(writes)
    return {**work, **work_key._asdict()}


async def _person_left(resources: Resources, meta: Row, target: Caller) -> list[Write]:
    """Return the writes of a line that the person does not answer any more."""
    handled = load_metadata(meta).metadata.get(HANDLED_BY)
    language = handled.get("language", DEFAULT_LANGUAGE) if isinstance(handled, dict) else DEFAULT_LANGUAGE
    line = line_of(STATUS_PREFIX, meta["id"], in_language(PERSON_LEFT, language))
    return await ItemRows(resources).item_writes(meta["id"], line, RequestContext(target, resources))


def _given(row: Row) -> Row:
    """Return the content of a metadata row for the new owner. The staff of another tenant does not answer there."""
    content = {name: value for name, value in row.items() if name not in _STORAGE | _OF_THE_OWNER}
    if "person" not in row:
        return content
    kept = {name: value for name, value in content.items() if name not in ("data", "blob", "person", "handler")}
    return kept | metadata_attributes(left_alone(load_metadata(row)))


def can_move(listed: Row) -> bool:
    """Tell whether a thread in its owner's list can move: it moves already, or the owner can see it."""
    return moving_to(listed) is not None or is_visible(listed)
