"""Store an imported thread, so that its user sees all of it or nothing.

A thread is imported in three steps:

1. One transaction writes metadata that counts as deleted, and work for the sweep that removes the thread in an hour.
2. Pictures, files and items are stored. Nobody sees them.
3. One transaction writes the real metadata and the list entry, and removes the work.

After a failure, the next import of the same thread removes the remains and begins again. Without one, the sweep does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from chatkit.types import ThreadMetadata

from assistant import clock
from assistant.aws import MAX_TRANSACTION_ROWS, ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import AssistantError, StoreUnavailableError
from assistant.files import member_write, save_attachment
from assistant.identity import Caller
from assistant.ids import ID_PREFIXES, time_prefix
from assistant.threads import PURGE_KIND, SCHEMA_VERSION, ThreadStore, load_metadata, purge_thread, row_key
from scripts.importing.content import Content, prepared_item
from scripts.importing.document import BadThreadError, ReadThread
from scripts.importing.source import Source

# An import takes seconds. After an hour its process is dead.
UNFINISHED_LIFETIME = timedelta(hours=1)
# DynamoDB allows 4 MB in a transaction. The rest is for one more item, keys and other attributes.
MAX_TRANSACTION_BYTES = 3_000_000


@dataclass(frozen=True)
class Imported:
    """What has become of a thread.

    Attributes:
        thread_id: Its id here.
        new: Whether it is stored now; False if it was here already.
        files: How many attached files were uploaded.
        notes: What was left out or changed.
    """

    thread_id: str
    new: bool
    files: int = 0
    notes: list[str] = field(default_factory=list)


async def import_thread(resources: Resources, user: Caller, read: ReadThread, source: Source) -> Imported:
    """Store a thread for a user, unless it is here already.

    Raises:
        BadThreadError: the thread cannot be stored. Its user sees nothing of it.
        StoreUnavailableError: DynamoDB or S3 cannot be reached.
    """
    try:
        return await _import(resources, user, read, source)
    except StoreUnavailableError:
        raise
    except AssistantError as error:
        raise BadThreadError(f"thread {read.metadata.id}: {error.message}") from None


async def _import(resources: Resources, user: Caller, read: ReadThread, source: Source) -> Imported:
    notes = list(read.notes)
    for thread_id in (read.metadata.id, renewed_id(read.metadata)):
        meta = await resources.table.get(_meta_key(user, thread_id))
        if meta is not None and meta.get("importing"):
            work = _work(user, thread_id, meta["deleted_at"])
            await purge_thread(resources, work)
            meta = None
        if meta is None:
            if thread_id != read.metadata.id:
                notes.append(f"thread {read.metadata.id}: another thread has this id, so it is now {thread_id}")
            content = await _write(resources, user, thread_id, read, source)
            return Imported(thread_id, True, content.files, notes + content.notes)
        if meta.get("deleted_at"):
            raise BadThreadError(f"thread {thread_id}: it is being deleted; import it again in an hour")
        if _utc(load_metadata(meta).created_at) == read.metadata.created_at:
            return Imported(thread_id, False)
    raise BadThreadError(f"thread {read.metadata.id}: other threads have this id and its renewed form")


def renewed_id(thread: ThreadMetadata) -> str:
    """Return the id of a thread whose own id is taken: always the same, and in the place of its creation."""
    digest = sha256(f"{thread.id}\n{thread.created_at.isoformat()}".encode()).hexdigest()
    return f"{ID_PREFIXES['thread']}_{time_prefix(thread.created_at)}8{digest[:15]}"


async def _write(resources: Resources, user: Caller, thread_id: str, read: ReadThread, source: Source) -> Content:
    context, store = RequestContext(user, resources), ThreadStore(resources)
    work = await _begin(resources, user, thread_id)
    content = Content()
    writes: list[Write] = []
    for item in read.items:
        ready = await prepared_item(item.model_copy(update={"thread_id": thread_id}), context, source, content)
        more = await store.item_writes(thread_id, ready, context)
        if len(writes) + len(more) >= MAX_TRANSACTION_ROWS or _size(writes + more) > MAX_TRANSACTION_BYTES:
            await _transact(resources, [_check(user, work), *writes])
            writes = []
        writes += more
    await _transact(resources, [_check(user, work), *writes])
    # Only now, so that a removal of the unfinished thread finds the files by the items that name them.
    for attachment in content.attachments:
        bound = attachment.model_copy(update={"thread_id": thread_id})
        await save_attachment(resources.table, user, bound)
    thread = read.metadata.model_copy(update={"id": thread_id})
    meta, *others = store.creation(thread, context)
    shown = replace(meta, condition=_check(user, work).condition, values=_check(user, work).values)
    await _transact(resources, [shown, *others, Write(row_key(work), delete=True), *_not_erased(user)])
    return content


async def _begin(resources: Resources, user: Caller, thread_id: str) -> Row:
    """Write the hidden metadata, and the sweep's work that removes the thread. Return the work."""
    work = _work(user, thread_id, clock.now().isoformat())
    hidden = {
        "schema_version": SCHEMA_VERSION,
        "id": thread_id,
        "deleted_at": work["deleted_at"],
        "importing": True,
    }
    await _transact(
        resources,
        [
            Write(_meta_key(user, thread_id), put=hidden, condition="attribute_not_exists(pk)"),
            Write(row_key(work), put={name: value for name, value in work.items() if name not in {"pk", "sk"}}),
            member_write(user),
        ],
    )
    return work


def _work(user: Caller, thread_id: str, begun_at: str) -> Row:
    """Return the sweep's work that removes an unfinished thread, with its key."""
    partition = user.thread(thread_id).partition
    key = keys.sweep_key(datetime.fromisoformat(begun_at) + UNFINISHED_LIFETIME, partition, PURGE_KIND)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": PURGE_KIND,
        "tenant_id": user.tenant_id,
        "user_id": user.user_id,
        "thread_id": thread_id,
        "deleted_at": begun_at,
        "importing": True,
        **key._asdict(),
    }


def _meta_key(user: Caller, thread_id: str) -> Key:
    return Key(user.thread(thread_id).partition, keys.META_SK)


def _check(user: Caller, work: Row) -> Write:
    """Return the check that this import has not been removed meanwhile."""
    key = _meta_key(user, work["thread_id"])
    return Write(key, condition="deleted_at = :begun", values={":begun": work["deleted_at"]})


def _not_erased(user: Caller) -> list[Write]:
    """Return the checks that no erasure of the user or of the tenant runs."""
    rows = (Key(user.partition, keys.LIVE_SK), Key(keys.tenant_partition(user.tenant_id), keys.LIMITS_SK))
    return [Write(key, condition="attribute_not_exists(erasing)") for key in rows]


async def _transact(resources: Resources, writes: list[Write]) -> None:
    try:
        await resources.table.transact(writes)
    except ConditionFailedError as error:
        if (error.row or {}).get("erasing"):
            raise BadThreadError("the data of this user or tenant is being erased; import it later") from None
        raise BadThreadError("another import of this thread runs at the same time") from None


def _size(writes: list[Write]) -> int:
    """Return about how many bytes these writes have."""
    return sum(_length(value) for write in writes for value in write.values.values())


def _length(value: Any) -> int:
    return len(value.encode()) if isinstance(value, str) else len(value) if isinstance(value, bytes) else 0


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
