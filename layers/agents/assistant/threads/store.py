"""ChatKit's `Store` on one DynamoDB table.

Every key contains the tenant and the user of the verified token, so a caller reaches only their own rows. A deleted
or expired thread is invisible at once, even while its rows are still being removed.
"""

from __future__ import annotations

import functools
from typing import Any

from chatkit.store import Store, StoreItemType
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata

from assistant import audit, ids
from assistant.aws import MAX_ROUNDS, ConditionFailedError, Row, Write, keys, pause
from assistant.aws.keys import Key
from assistant.context import KnownThread, RequestContext, Resources
from assistant.errors import ConflictError
from assistant.files import attachment_key, load_attachment, member_write, save_attachment
from assistant.identity import Caller
from assistant.ids import ID_PREFIXES
from assistant.threads import deletion, large_objects, places
from assistant.threads.errors import ItemNotFoundError, ThreadNotFoundError
from assistant.threads.items import ItemRows, item_removal, replacement, unchanged_since
from assistant.threads.known import new_row, remember
from assistant.threads.merge import merged_metadata
from assistant.threads.pages import RowPage, page_limit, read_items, read_page
from assistant.threads.retention import expiry_work, prolong_writes
from assistant.threads.rows import (
    expiry,
    is_visible,
    load_metadata,
    metadata_attributes,
    row_key,
    waits_for_user,
    would_undo_answer,
)

__all__ = ["ID_PREFIXES", "THREAD_EXISTS", "ThreadNotFoundError", "ThreadStore", "item_removal"]


# This many writers can change one thread at once and all succeed: each refusal means that another writer succeeded.
# No correct caller has more.
METADATA_WRITERS = 24
# The round of `pause` after which waits stop growing. All waits together take at most 2.4 s.
_LAST_LONGER_WAIT = 1

# The condition of every write into a thread: the thread exists and is not deleted.
THREAD_EXISTS = "attribute_exists(pk) AND attribute_not_exists(deleted_at)"


# The attributes of a thread's two metadata rows that a change replaces. The expiry stays.
_METADATA_ATTRIBUTES = (
    "schema_version",
    "id",
    "status",
    "size",
    "data",
    "blob",
    "version",
    "place",
    "person",
    "handler",
    "working",
)
_ITEM_CONTENDED = "The item is being changed by others. Please try again."
# A question without an answer must not replace the same question with an answer.
_NO_ANSWER_YET = "attribute_not_exists(#id) OR attribute_exists(#waits) OR #type <> :type"


class ThreadStore(ItemRows, Store[RequestContext]):
    """Threads, items and attachments of all tenants. The context names the tenant and the user.

    Raises (each method):
        ThreadNotFoundError: the thread or item does not exist, or belongs to another user.
        InvalidRequestError: an id, cursor or limit cannot be used.
        StoreUnavailableError: DynamoDB or S3 cannot be reached.
    """

    def generate_thread_id(self, context: RequestContext) -> str:
        """Return a new thread id that sorts by time."""
        return ids.new_id(ID_PREFIXES["thread"])

    def generate_item_id(self, item_type: StoreItemType, thread: ThreadMetadata, context: RequestContext) -> str:
        """Return a new item id that sorts by time."""
        return ids.new_id(ID_PREFIXES[item_type])

    # Threads

    async def load_thread(self, thread_id: str, context: RequestContext) -> ThreadMetadata:
        """Return a thread's metadata."""
        return remember(context, await self._visible_meta(thread_id, context))

    async def save_thread(self, thread: ThreadMetadata, context: RequestContext) -> None:
        """Create a thread, or store the caller's changes to it.

        Merge the changes that this request has made since it read the thread into the stored thread, so that
        concurrent writers lose nothing.

        Raises:
            ConflictError: other writers have changed the thread during each of our attempts.
        """
        seen = thread.id in context.loaded
        meta_key = self._meta_key(thread.id, context.caller)
        row = context.loaded[thread.id].row if seen else await self._table.get(meta_key)
        for round_number in range(METADATA_WRITERS):
            # A thread that this request has read and that no longer exists was deleted: do not create it again.
            if (row is None and seen) or (row is not None and not is_visible(row)):
                raise ThreadNotFoundError(thread.id)
            try:
                if row is None:
                    writes = self.creation(thread, context)
                    await self._table.transact(writes)
                    self.note_created(thread, writes, context)
                else:
                    writes, known = self.change(thread, row, context)
                    await self._table.transact(writes)
                    context.loaded[thread.id] = known
            except ConditionFailedError as error:
                row = error.row
                await pause(min(round_number, _LAST_LONGER_WAIT))
            else:
                return
        raise ConflictError("The thread is being changed by others. Please try again.")

    def creation(self, thread: ThreadMetadata, context: RequestContext) -> list[Write]:
        """Return the writes that create a thread. The first write's condition fails if the thread exists."""
        caller, retention = context.caller, expiry(context.settings.retention_days)
        user = caller.partition
        place, alias = keys.own_place(thread.id), None
        if place is None:
            place, alias = places.new_alias(user, thread.id, thread.created_at)
        row = new_row(thread, place) | retention
        writes = [
            Write(self._meta_key(thread.id, caller), put=row, condition="attribute_not_exists(pk)"),
            Write(Key(user, keys.thread_list_sk(place)), put=row),
        ]
        if alias is not None:
            writes.append(Write(alias.key, put=alias.put))
        if retention:
            writes.append(expiry_work(caller, thread.id, retention["expires_at"]))
        return [*writes, member_write(caller)]

    def note_created(self, thread: ThreadMetadata, creation: list[Write], context: RequestContext) -> None:
        """Note a thread whose `creation` has been applied."""
        meta = creation[0]
        context.loaded[thread.id] = KnownThread(
            thread.model_copy(deep=True), {**(meta.put or {}), **meta.key._asdict()}
        )

    def change(self, thread: ThreadMetadata, row: Row, context: RequestContext) -> tuple[list[Write], KnownThread]:
        """Return the writes that change a thread, and the thread as it is known once they are applied.

        If the user has set a title meanwhile, it replaces a title that the model suggests, in `thread` too.

        Args:
            thread: The thread to store.
            row: The thread's metadata row as it was read. The first write's condition fails if the row has changed.
            context: The request's context.
        """
        known = context.loaded.get(thread.id)
        suggested = context.suggested_title is not None and thread.title == context.suggested_title
        merged = merged_metadata(
            base=known.seen if known else None, mine=thread, theirs=load_metadata(row), keep_title=suggested
        )
        thread.title = merged.title
        changed = metadata_attributes(merged) | {"version": row["version"] + 1, "place": row["place"]}
        caller = context.caller
        user = caller.partition
        unchanged = f"{THREAD_EXISTS} AND #version = :seen"
        meta = replacement(row_key(row), changed, _METADATA_ATTRIBUTES, unchanged, {":seen": row["version"]})
        listed = Key(user, keys.thread_list_sk(row["place"]))
        kept = {name: value for name, value in row.items() if name not in _METADATA_ATTRIBUTES}
        writes = [meta, replacement(listed, changed, _METADATA_ATTRIBUTES)]
        return writes, KnownThread(thread.model_copy(deep=True), kept | changed)

    async def load_threads(
        self, limit: int, after: str | None, order: str, context: RequestContext
    ) -> Page[ThreadMetadata]:
        """Return a page of the caller's threads by creation; `after` is the last thread's id."""
        pk = context.caller.partition
        page = await read_page(
            self._table,
            pk,
            between=(keys.THREAD_LIST_PREFIX, keys.THREAD_LIST_END),
            after=keys.thread_list_sk(await places.cursor_place(self._table, pk, after)) if after else None,
            limit=page_limit(limit),
            descending=order == "desc",
            wanted=is_visible,
        )
        return _page([load_metadata(row) for row in page.rows], page)

    async def delete_thread(self, thread_id: str, context: RequestContext) -> None:
        """Delete a thread for its user at once, then remove its rows and objects.

        For a large thread, the sweep removes the rest.
        """
        row = await self._visible_meta(thread_id, context)
        by = context.caller
        note = audit.entry(self._resources, "thread.deleted", by=by, tenant_id=by.tenant_id, thread_id=thread_id)
        await deletion.delete_thread(self._resources, by, thread_id, row, note=note)
        context.loaded.pop(thread_id, None)

    # Items

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: RequestContext
    ) -> Page[ThreadItem]:
        """Return a page of a thread's items by creation; `after` is the last item's id.

        Like ChatKit's own stores, return an empty page for a thread that does not exist.
        """
        pk = self._partition(thread_id, context.caller)
        head, page = await read_items(
            self._table,
            pk,
            after=keys.item_sk(await places.cursor_place(self._table, pk, after)) if after else None,
            limit=page_limit(limit),
            descending=order == "desc",
            wanted=is_visible,
        )
        if not is_visible(head.meta):
            return Page[ThreadItem]()
        return _page(await self.decode_items(page.rows), page)

    async def load_item(self, thread_id: str, item_id: str, context: RequestContext) -> ThreadItem:
        """Return one item."""
        row = await self.find_item(thread_id, item_id, context)
        for item in await self.decode_items([row] if row is not None and is_visible(row) else []):
            return item
        raise ItemNotFoundError(item_id)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        """Store an item. If the item exists, replace it in its place.

        A form or a client tool call without an answer does not replace the same item with its answer.
        """
        await self._store_item(thread_id, item, context, keep_answer=waits_for_user(item))

    async def save_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        """Store an item under its id. If the item exists, replace it in its place."""
        await self._store_item(thread_id, item, context, keep_answer=False)

    async def replace_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        """Store a new version of an item.

        Raises:
            ItemNotFoundError: a retry or a deletion has removed the item meanwhile.
        """
        await self._store_item(thread_id, item, context, keep_answer=False, must_exist=True)

    async def _store_item(
        self,
        thread_id: str,
        item: ThreadItem,
        context: RequestContext,
        *,
        keep_answer: bool,
        must_exist: bool = False,
    ) -> None:
        for round_number in range(MAX_ROUNDS):
            meta, rows = await self.find_items(thread_id, [item.id], context)
            old = rows.get(item.id)
            if old is None and must_exist:
                raise ItemNotFoundError(item.id)
            if keep_answer and old is not None and would_undo_answer(old, item):
                return
            at = None if old is None else row_key(old)
            condition, values = unchanged_since(old)
            if keep_answer:
                condition = f"({condition}) AND ({_NO_ANSWER_YET})"
            writes = prolong_writes(context, thread_id, meta["place"], THREAD_EXISTS)
            writes += await self.item_writes(thread_id, item, context, at=at, condition=condition, values=values)
            try:
                await self._table.transact(writes + (large_objects.object_removals(old) if old is not None else []))
            except ConditionFailedError as error:
                if error.index == 0:
                    raise ThreadNotFoundError(thread_id) from None
                await pause(round_number)
                continue
            await self.drop_objects([old] if old is not None else [])
            return
        raise ConflictError(_ITEM_CONTENDED)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: RequestContext) -> None:
        """Remove an item and its object. Like ChatKit's own stores, ignore an item that does not exist.

        Raises:
            ConflictError: other writers have changed the item during each of our attempts.
        """
        for round_number in range(MAX_ROUNDS):
            row = await self.find_item(thread_id, item_id, context)
            if row is None:
                return
            condition, values = unchanged_since(row)
            try:
                await self._table.transact(item_removal(row, condition, {"#object": "object"}, values))
            except ConditionFailedError:
                await pause(round_number)
                continue
            await self.drop_objects([row])
            return
        raise ConflictError(_ITEM_CONTENDED)

    # Attachments

    async def save_attachment(self, attachment: Attachment, context: RequestContext) -> None:
        """Store an attachment's metadata."""
        await save_attachment(self._table, context.caller, attachment)

    async def load_attachment(self, attachment_id: str, context: RequestContext) -> Attachment:
        """Return an attachment's metadata."""
        return await load_attachment(self._table, context.caller, attachment_id)

    async def delete_attachment(self, attachment_id: str, context: RequestContext) -> None:
        """Remove an attachment's metadata."""
        await self._table.delete(attachment_key(context.caller, attachment_id))

    def _meta_key(self, thread_id: str, caller: Caller) -> Key:
        return Key(self._partition(thread_id, caller), keys.META_SK)

    async def _visible_meta(self, thread_id: str, context: RequestContext) -> Row:
        row = await self._table.get(self._meta_key(thread_id, context.caller))
        if row is None or not is_visible(row):
            raise ThreadNotFoundError(thread_id)
        return row


def _page(data: list[Any], page: RowPage) -> Page[Any]:
    return Page(data=data, has_more=page.has_more, after=page.rows[-1]["id"] if page.has_more and page.rows else None)


@functools.lru_cache(maxsize=4)
def thread_store(resources: Resources) -> ThreadStore:
    """Return the store of this process, made once. Turns use `assistant.turns.store` instead."""
    return ThreadStore(resources)
