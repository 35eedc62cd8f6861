"""Copy a thread up to an item, page by page, and show the copy when it is complete.

1. One transaction writes metadata and a list entry that count as deleted, and work for the sweep.
2. Each page of copies is one transaction. It moves the cursor in the hidden metadata, on condition that no other
   process has moved it, and that the source still exists. So two processes may copy at once.
3. One transaction writes the real metadata and the list entry, and removes the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from assistant import clock, quotas
from assistant.aws import MAX_TRANSACTION_ROWS, ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import BeingErasedError, QuotaExceededError, ThreadLockedError, TooLargeError
from assistant.files import copies_for_thread, member_write
from assistant.forks.origin import FORKED_FROM, copied_id, origin_of
from assistant.forks.selection import Selection, copy_of, is_copied, select
from assistant.identity import Caller
from assistant.ids import ID_PREFIXES, new_id
from assistant.threads import (
    PURGE_KIND,
    SCHEMA_VERSION,
    THREAD_EXISTS,
    TITLE_OF,
    RepeatKey,
    ThreadNotFoundError,
    is_visible,
    left_alone,
    load_metadata,
    purge_thread,
    row_key,
    thread_store,
)

FORK_KIND = "fork"
# The request itself has copied by then, or its process is dead.
SWEEP_AFTER = timedelta(minutes=2)
# Item rows that one Query reads. A page with its checks fits into one transaction.
PAGE_ROWS = 90
# A fork reads and writes each item once. Twice the longest thread that is known.
MAX_ITEMS = 20_000
# DynamoDB allows 4 MB in a transaction. The rest is for keys and other attributes.
MAX_TRANSACTION_BYTES = 3_000_000
# The cursor before the first row.
_START = keys.ITEM_PREFIX
# The writes of each transaction that are no copies: the cursor, the source's check.
_CHECKS = 2


@dataclass(frozen=True)
class Fork:
    """A fork, complete or not.

    Attributes:
        thread_id: Its thread.
        ready: Whether it is complete, so that its user sees it.
        origin: What it was forked from; None for a thread that is no fork.
    """

    thread_id: str
    ready: bool
    origin: dict[str, object] | None


async def fork_thread(
    thread_id: str,
    item_id: str,
    context: RequestContext,
    *,
    before: bool = False,
    repeat: RepeatKey | None = None,
    time_is_up: Callable[[], bool] = lambda: False,
) -> Fork:
    """Copy a thread of the caller up to an item into a new thread.

    Args:
        thread_id: The source.
        item_id: The last item to copy.
        context: The request's context.
        before: Whether to copy only what is before that item, to ask its question in another way.
        repeat: The request's key. A second request with it goes on with the fork of the first.
        time_is_up: Called between two pages; True leaves the rest to `resume_fork` or to the sweep.

    Raises:
        NotFoundError: the thread or the item does not exist for this caller.
        ThreadLockedError: the thread is locked or closed.
        TurnRunningError: the item belongs to a turn that still runs.
        TooLargeError: the part has more than `MAX_ITEMS` items. Nothing is kept.
        QuotaExceededError: the user has made too many forks today, or copies too many files. Nothing is kept.
        BeingErasedError: the user's data is being erased.
        ConflictError: the key belongs to another request.
    """
    table = context.resources.table
    made = None if repeat is None else await repeat.made(table)
    if made is not None:
        return await resume_fork(made["fork_id"], context, time_is_up=time_is_up)
    source = await thread_store(context.resources).load_thread(thread_id, context)
    if source.status.type != "active":
        raise ThreadLockedError
    selection = await select(thread_id, item_id, context, before=before)
    await quotas.claim("fork", context)
    origin = {"thread_id": thread_id, "item_id": item_id, "before": before}
    work = await _begin(origin, selection, repeat, context)
    if work is None:
        # Another request with the same key has begun at the same moment.
        return await fork_thread(thread_id, item_id, context, before=before, repeat=repeat, time_is_up=time_is_up)
    try:
        ready = await copy_fork(context.resources, work, time_is_up=time_is_up)
    except (QuotaExceededError, TooLargeError) as error:
        if isinstance(error, QuotaExceededError):
            await _abandon(context.resources, work)
        if repeat is not None:
            await table.delete(repeat.key)
        raise
    return await _found(work, origin, context, ready=ready)


async def resume_fork(fork_id: str, context: RequestContext, *, time_is_up: Callable[[], bool]) -> Fork:
    """Go on with the copy of a fork of the caller.

    Raises:
        NotFoundError: there is no such fork, or its source has been deleted.
    """
    meta = await context.resources.table.get(_meta_key(context.caller, fork_id))
    if meta is None or "forking" not in meta:
        return await find_fork(fork_id, context)
    work = _work(context.caller, fork_id, meta["deleted_at"])
    ready = await copy_fork(context.resources, work, time_is_up=time_is_up)
    return await _found(work, meta["forking"]["origin"], context, ready=ready)


async def _found(work: Row, origin: dict[str, object], context: RequestContext, *, ready: bool) -> Fork:
    if not ready:
        return Fork(work["thread_id"], False, origin)
    # Otherwise the source was deleted meanwhile, and the fork with it.
    return await find_fork(work["thread_id"], context)


async def find_fork(thread_id: str, context: RequestContext) -> Fork:
    """Return what a thread of the caller was forked from, and whether its copy is complete.

    Raises:
        NotFoundError: there is no such thread.
    """
    meta = await context.resources.table.get(_meta_key(context.caller, thread_id))
    if meta is not None and "forking" in meta:
        return Fork(thread_id, False, meta["forking"]["origin"])
    if meta is None or not is_visible(meta):
        raise ThreadNotFoundError(thread_id)
    return Fork(thread_id, True, origin_of(load_metadata(meta)))


async def _begin(
    origin: dict[str, Any], selection: Selection, repeat: RepeatKey | None, context: RequestContext
) -> Row | None:
    """Write the hidden metadata and the sweep's work. Return the work; None if another request has used the key."""
    caller, fork_id = context.caller, new_id(ID_PREFIXES["thread"])
    work = _work(caller, fork_id, clock.now().isoformat())
    hidden = {"schema_version": SCHEMA_VERSION, "id": fork_id, "deleted_at": work["begun_at"]}
    forking = {
        "origin": origin,
        "until": selection.until,
        "inclusive": selection.inclusive,
        "marks": selection.marks,
    }
    place = keys.own_place(fork_id) or ""
    writes = [
        Write(_meta_key(caller, fork_id), put={**hidden, "forking": forking, "copied": _START, "copies": 0}),
        # By the list an erasure finds the fork. Nobody sees a row that counts as deleted.
        Write(Key(caller.partition, keys.thread_list_sk(place)), put={**hidden, "place": place}),
        Write(row_key(work), put={name: value for name, value in work.items() if name not in {"pk", "sk"}}),
        member_write(caller),
        *_not_erased(caller),
    ]
    keyed = [] if repeat is None else [repeat.write({"fork_id": fork_id})]
    try:
        await context.resources.table.transact([*writes, *keyed])
    except ConditionFailedError as error:
        if repeat is not None and repeat.met(error, len(writes)):
            return None
        raise BeingErasedError from None
    return work


def _work(owner: Caller, fork_id: str, begun_at: str) -> Row:
    """Return the sweep's work on a fork, with its key."""
    partition = owner.thread(fork_id).partition
    key = keys.sweep_key(datetime.fromisoformat(begun_at) + SWEEP_AFTER, partition, FORK_KIND)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": FORK_KIND,
        "tenant_id": owner.tenant_id,
        "user_id": owner.user_id,
        "thread_id": fork_id,
        "begun_at": begun_at,
        **key._asdict(),
    }


async def copy_fork(resources: Resources, work: Row, *, time_is_up: Callable[[], bool] = lambda: False) -> bool:
    """Copy what is left, and show the fork. If its source is gone, remove it.

    Args:
        resources: The process's table and bucket.
        work: The sweep's work. The last transaction removes its row.
        time_is_up: Called between two pages; True ends the copy early.

    Returns:
        Whether nothing is left to do.

    Raises:
        TooLargeError: the source has too many items.
        QuotaExceededError: the user may copy no more files today. The rest waits for a later attempt.
    """
    owner = Caller(work["tenant_id"], work["user_id"])
    while True:
        meta = await resources.table.get(_meta_key(owner, work["thread_id"]))
        if meta is None:
            # The fork was removed. This process may have copied objects since.
            await resources.objects.delete_prefix(owner.thread(work["thread_id"]).object_prefix)
            return True
        if "forking" not in meta or meta.get("deleted_at") != work["begun_at"]:
            return True  # Another process has shown or removed the fork.
        copy = _Copy(RequestContext(owner, resources), work, meta)
        try:
            while not copy.complete:
                if time_is_up():
                    return False
                await copy.next_page()
            if not await copy.documents(time_is_up):
                return False
            await copy.show()
        except _SourceGoneError:
            await _abandon(resources, work)
            return True
        except TooLargeError:
            await _abandon(resources, work)
            raise
        except ConditionFailedError:
            continue  # Another process has moved the cursor.
        return True


class _SourceGoneError(Exception):
    """The source was deleted or moved during the copy, or the user's data is being erased."""


class _Copy:
    """The copy of one thread from the cursor on."""

    def __init__(self, context: RequestContext, work: Row, meta: Row) -> None:
        forking = meta["forking"]
        self._context = context
        self._work = work
        self._selection = Selection(forking["until"], forking["inclusive"], list(forking["marks"]))
        self._origin: dict[str, Any] = forking["origin"]
        self._cursor: str = meta["copied"]
        self._copies: int = meta["copies"]
        self._source = context.caller.thread(self._origin["thread_id"])
        self.complete = False

    async def next_page(self) -> None:
        """Copy a page of rows. After the last row, copy the marks."""
        table = self._context.resources.table
        end = self._selection.until
        rows, more = await table.query(
            self._source.partition, after=self._cursor, between=(keys.ITEM_PREFIX, end), limit=PAGE_ROWS
        )
        rows = [row for row in rows if self._selection.has(row["sk"])]
        if not more:
            marks = [Key(self._source.partition, sk) for sk in self._selection.marks if sk > self._cursor]
            rows += sorted((await table.get_many(marks) if marks else {}).values(), key=lambda row: row["sk"])
        batch: list[Write] = []
        reached, copies, size = self._cursor, 0, 0
        for row in rows:
            group = await self._copied(row)
            weight = _size(group)
            if len(batch) + len(group) > MAX_TRANSACTION_ROWS - _CHECKS or size + weight > MAX_TRANSACTION_BYTES:
                await self._store(batch, reached, copies)
                batch, copies, size = [], 0, 0
            batch += group
            reached, copies, size = row["sk"], copies + bool(group), size + weight
        if reached != self._cursor:
            await self._store(batch, reached, copies)
        self.complete = not more

    async def _copied(self, row: Row) -> list[Write]:
        """Return the writes of a row's copy; none if the fork leaves the item out. Copy the row's objects before."""
        context, store, fork_id = self._context, thread_store(self._context.resources), self._work["thread_id"]
        decoded = await store.decode_items([row] if is_visible(row) else [])
        writes: list[Write] = []
        for item in decoded:
            if not is_copied(item):
                continue
            attached = row.get("attachments", [])
            for _ in attached:
                await quotas.claim("upload", context)
            files, writes = await copies_for_thread(
                context.resources, context.caller, attached, fork_id, lambda each: copied_id(fork_id, each)
            )
            for key in row.get("images", []):
                await self._copy_object(key)
            writes = [*await store.item_writes(fork_id, copy_of(item, fork_id, files), context), *writes]
        return writes

    async def documents(self, time_is_up: Callable[[], bool]) -> bool:
        """Copy the thread's own documents, unless the fork is empty. Return whether all of them are copied."""
        context, fork_id = self._context, self._work["thread_id"]
        if not self._copies or not context.settings.knowledge.on:
            return True
        from assistant import knowledge

        ours = Write(self._meta_key, condition=self._ours, values=self._values)
        try:
            return await knowledge.copy_documents(
                context,
                self._origin["thread_id"],
                fork_id,
                lambda each: copied_id(fork_id, each),
                [ours, self._source_exists],
                time_is_up=time_is_up,
            )
        except ConditionFailedError as error:
            if 1 in {error.index, *(index for index, _ in error.others)}:
                raise _SourceGoneError from None
            raise

    async def _copy_object(self, key: str) -> None:
        fork = self._context.caller.thread(self._work["thread_id"])
        try:
            await self._context.resources.objects.copy(
                key, fork.object_prefix + key.removeprefix(self._source.object_prefix)
            )
        except KeyError:
            return  # It was lost before, and the source shows its item without it.

    async def _store(self, batch: list[Write], reached: str, copies: int) -> None:
        if self._copies + copies > MAX_ITEMS:
            raise TooLargeError(f"A copy may have at most {MAX_ITEMS} items. Please copy an earlier part.")
        cursor = Write(
            self._meta_key,
            update="SET copied = :reached, copies = :copies",
            condition=f"{self._ours} AND copied = :cursor",
            values={**self._values, ":reached": reached, ":copies": self._copies + copies, ":cursor": self._cursor},
        )
        await self._transact([cursor, self._source_exists, *batch])
        self._cursor, self._copies = reached, self._copies + copies

    async def show(self) -> None:
        """Write the fork's real metadata, which the user sees from now on."""
        context, store = self._context, thread_store(self._context.resources)
        meta = await context.resources.table.get(self._source_exists.key)
        if meta is None or not is_visible(meta):
            raise _SourceGoneError
        source = left_alone(load_metadata(meta))
        thread = source.model_copy(
            update={
                "id": self._work["thread_id"],
                # A title has words of the first question, which an empty fork does not have.
                "title": source.title if self._copies else None,
                "created_at": clock.now(),
                "metadata": {**self._titled(source.metadata), FORKED_FROM: self._origin},
            }
        )
        hidden, *others = store.creation(thread, context)
        condition = f"{self._ours} AND copied = :cursor"
        shown = replace(hidden, condition=condition, values={**self._values, ":cursor": self._cursor})
        removed = Write(row_key(self._work), delete=True)
        await self._transact([shown, self._source_exists, *_not_erased(context.caller), *others, removed])

    def _titled(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Return a thread's metadata whose title belongs to the copy of its message."""
        title_of = metadata.get(TITLE_OF)
        if not isinstance(title_of, dict):
            return metadata
        return {**metadata, TITLE_OF: {**title_of, "item": copied_id(self._work["thread_id"], title_of["item"])}}

    async def _transact(self, writes: list[Write]) -> None:
        try:
            await self._context.resources.table.transact(writes)
        except ConditionFailedError as error:
            failed = {error.index, *(index for index, _ in error.others)}
            if 0 not in failed:
                raise _SourceGoneError from None
            raise

    @property
    def _meta_key(self) -> Key:
        return _meta_key(self._context.caller, self._work["thread_id"])

    _ours = "deleted_at = :begun AND attribute_exists(forking)"

    @property
    def _values(self) -> dict[str, Any]:
        return {":begun": self._work["begun_at"]}

    @property
    def _source_exists(self) -> Write:
        return Write(Key(self._source.partition, keys.META_SK), condition=THREAD_EXISTS)


async def _abandon(resources: Resources, work: Row) -> None:
    """Remove a fork that cannot be completed. The sweep removes what this process does not."""
    owner, fork_id = Caller(work["tenant_id"], work["user_id"]), work["thread_id"]
    purge: Row = {
        "schema_version": SCHEMA_VERSION,
        "kind": PURGE_KIND,
        "tenant_id": owner.tenant_id,
        "user_id": owner.user_id,
        "thread_id": fork_id,
        "deleted_at": work["begun_at"],
    }
    key = keys.sweep_key(clock.now(), owner.thread(fork_id).partition, PURGE_KIND)
    place = keys.own_place(fork_id) or ""
    try:
        await resources.table.transact(
            [
                Write(
                    _meta_key(owner, fork_id),
                    update="REMOVE forking",
                    condition="deleted_at = :begun AND attribute_exists(forking)",
                    values={":begun": work["begun_at"]},
                ),
                Write(Key(owner.partition, keys.thread_list_sk(place)), delete=True),
                Write(row_key(work), delete=True),
                Write(key, put=purge),
            ]
        )
    except ConditionFailedError:
        return  # Another process has shown or removed it.
    await purge_thread(resources, {**purge, **key._asdict()})


def _meta_key(owner: Caller, thread_id: str) -> Key:
    return Key(owner.thread(thread_id).partition, keys.META_SK)


def _not_erased(owner: Caller) -> list[Write]:
    """Return the checks that no erasure of the user or of the tenant runs."""
    rows = (Key(owner.partition, keys.LIVE_SK), Key(keys.tenant_partition(owner.tenant_id), keys.LIMITS_SK))
    return [Write(key, condition="attribute_not_exists(erasing)") for key in rows]


def _size(writes: list[Write]) -> int:
    """Return about how many bytes these writes have."""
    return sum(len(value) for write in writes for value in write.values.values() if isinstance(value, str | bytes))
