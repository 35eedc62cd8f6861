"""Copy a thread into a fork, page by page, and show the fork when it is complete.

1. Each page of copies is one transaction. It moves the cursor in the hidden metadata, on condition that no other
   process has moved it, and that the source still exists. So two processes may copy at once.
2. One transaction writes the real metadata and the list entry, and removes the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from assistant import clock, quotas
from assistant.aws import MAX_TRANSACTION_ROWS, ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import TooLargeError
from assistant.files import copies_for_thread
from assistant.forks.origin import FORKED_FROM, copied_id
from assistant.forks.rows import abandon, meta_key, not_erased
from assistant.forks.selection import Selection, copy_of, is_copied
from assistant.identity import Caller
from assistant.threads import (
    THREAD_EXISTS,
    TITLE_OF,
    is_visible,
    left_alone,
    load_metadata,
    row_key,
    thread_store,
)

# Item rows that one Query reads. A page with its checks fits into one transaction.
PAGE_ROWS = 90
# A fork reads and writes each item once. Twice the longest thread that is known.
MAX_ITEMS = 20_000
# DynamoDB allows 4 MB in a transaction. The rest is for keys and other attributes.
MAX_TRANSACTION_BYTES = 3_000_000
# The writes of each transaction that are no copies: the cursor, the source's check.
_CHECKS = 2


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
        meta = await resources.table.get(meta_key(owner, work["thread_id"]))
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
            await abandon(resources, work)
            return True
        except TooLargeError:
            await abandon(resources, work)
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
        await self._transact([shown, self._source_exists, *not_erased(context.caller), *others, removed])

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
        return meta_key(self._context.caller, self._work["thread_id"])

    _ours = "deleted_at = :begun AND attribute_exists(forking)"

    @property
    def _values(self) -> dict[str, Any]:
        return {":begun": self._work["begun_at"]}

    @property
    def _source_exists(self) -> Write:
        return Write(Key(self._source.partition, keys.META_SK), condition=THREAD_EXISTS)


def _size(writes: list[Write]) -> int:
    """Return about how many bytes these writes have."""
    return sum(len(value) for write in writes for value in write.values.values() if isinstance(value, str | bytes))
