"""ChatKit's `Store` on one DynamoDB table.

What a caller may reach follows from the keys: tenant and user, from the verified token, are part of every one.
A thread that is deleted or has expired is gone at once, whatever is still being removed behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chatkit.store import NotFoundError as ChatKitNotFoundError
from chatkit.store import Store, StoreItemType
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata

from assistant import ids, keys
from assistant.attachments import records as attachment_records
from assistant.context import RequestContext
from assistant.errors import ConflictError, NotFoundError
from assistant.identity import Caller
from assistant.keys import Key
from assistant.resources import Resources
from assistant.table import MAX_ROUNDS, ConditionFailedError, Row, Write, pause
from assistant.threads import places, purge
from assistant.threads.merge import merged_metadata
from assistant.threads.pages import RowPage, page_limit, read_page
from assistant.threads.rows import (
    expiry,
    is_visible,
    item_row,
    load_item,
    load_metadata,
    metadata_attributes,
    row_key,
)

if TYPE_CHECKING:
    from assistant.table import Table

# ChatKit's own prefixes, so that a log reader is at home (chatkit.store, 1.6.5).
ID_PREFIXES: dict[StoreItemType, str] = {
    "thread": "thr",
    "message": "msg",
    "tool_call": "tc",
    "workflow": "wf",
    "task": "tsk",
    "attachment": "atc",
    "sdk_hidden_context": "shcx",
}

# Every write into a thread stands on this: it is there, and nobody has deleted it.
THREAD_EXISTS = "attribute_exists(pk) AND attribute_not_exists(deleted_at)"


class ThreadNotFoundError(NotFoundError, ChatKitNotFoundError):
    """The thread, item or attachment is not there for this caller."""


class ThreadStore(Store[RequestContext]):
    """Threads, items and attachments of all tenants; the context says whose.

    Raises (each method):
        ThreadNotFoundError: what is named does not exist, or is someone else's.
        InvalidRequestError: an id, cursor or limit cannot be used.
        StoreUnavailableError: DynamoDB or S3 is out of reach.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._table: Table = resources.table

    def generate_thread_id(self, context: RequestContext) -> str:
        """Return a new thread id that sorts by time."""
        return ids.new_id(ID_PREFIXES["thread"])

    def generate_item_id(self, item_type: StoreItemType, thread: ThreadMetadata, context: RequestContext) -> str:
        """Return a new item id that sorts by time."""
        return ids.new_id(ID_PREFIXES[item_type])

    # Threads

    async def load_thread(self, thread_id: str, context: RequestContext) -> ThreadMetadata:
        """Return a thread's metadata."""
        row = await self._table.get(self._meta_key(thread_id, context.caller))
        if row is None or not is_visible(row):
            raise ThreadNotFoundError("The thread does not exist.")
        return self._remember(row, context)

    async def save_thread(self, thread: ThreadMetadata, context: RequestContext) -> None:
        """Create a thread, or write what the caller changed in it.

        What this request changed since it loaded the thread is merged into what the thread is by now, so a
        writer in between loses nothing.

        Raises:
            ConflictError: others kept writing the thread until our retries were used up.
        """
        for round_number in range(MAX_ROUNDS):
            row = await self._table.get(self._meta_key(thread.id, context.caller))
            if row is not None and row.get("deleted_at"):
                raise ThreadNotFoundError("The thread does not exist.")
            try:
                if row is None:
                    await self._create(thread, context)
                else:
                    await self._change(thread, row, context)
                return
            except ConditionFailedError:
                await pause(round_number)
        raise ConflictError("The thread is being changed by others. Please try again.")

    async def _create(self, thread: ThreadMetadata, context: RequestContext) -> None:
        await self._table.transact(self.creation(thread, context))
        context.loaded[thread.id] = thread.model_copy(deep=True)

    def creation(self, thread: ThreadMetadata, context: RequestContext) -> list[Write]:
        """Return the writes that create a thread; the first one's condition fails if it exists."""
        caller, days = context.caller, context.settings.retention_days
        user = keys.user_partition(caller.tenant_id, caller.user_id)
        place, alias = keys.own_place(thread.id), None
        if place is None:
            place, alias = places.new_alias(user, thread.id, thread.created_at)
        meta = self._meta_key(thread.id, caller)
        row = metadata_attributes(thread) | {"version": 1, "place": place, **expiry(days)}
        writes = [
            Write(meta, put=row, condition="attribute_not_exists(pk)"),
            Write(Key(user, keys.thread_list_sk(place)), put=row),
        ]
        if alias is not None:
            writes.append(Write(alias.key, put=alias.put))
        if days is not None:
            writes.append(purge.expiry_work(caller, thread.id, row["expires_at"]))
        return writes

    async def _change(self, thread: ThreadMetadata, row: Row, context: RequestContext) -> None:
        caller = context.caller
        merged = merged_metadata(base=context.loaded.get(thread.id), mine=thread, theirs=load_metadata(row))
        kept = {name: row.get(name) for name in ("place", "expires_at", "ttl")}
        changed = metadata_attributes(merged) | kept | {"version": row["version"] + 1}
        user = keys.user_partition(caller.tenant_id, caller.user_id)
        await self._table.transact(
            [
                Write(
                    row_key(row),
                    put=changed,
                    condition=f"{THREAD_EXISTS} AND version = :version",
                    values={":version": row["version"]},
                ),
                Write(Key(user, keys.thread_list_sk(row["place"])), put=changed),
            ]
        )
        context.loaded[thread.id] = merged.model_copy(deep=True)

    async def load_threads(
        self, limit: int, after: str | None, order: str, context: RequestContext
    ) -> Page[ThreadMetadata]:
        """Return a page of the caller's threads by creation; `after` is the last thread's id."""
        pk = keys.user_partition(context.caller.tenant_id, context.caller.user_id)
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
        """Take a thread away from its user at once, and remove what it held.

        A large thread's rows and objects are removed by the sweep.
        """
        row = await self._table.get(self._meta_key(thread_id, context.caller))
        if row is None or not is_visible(row):
            raise ThreadNotFoundError("The thread does not exist.")
        await purge.delete_thread(self._resources, context.caller, thread_id, row)
        context.loaded.pop(thread_id, None)

    # Items

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: RequestContext
    ) -> Page[ThreadItem]:
        """Return a page of a thread's items by creation; `after` is the last item's id.

        As ChatKit's own stores do, it answers an empty page for a thread that is not there.
        """
        pk = self._partition(thread_id, context.caller)
        visible, page = await asyncio.gather(
            self._table.get(Key(pk, keys.META_SK)),
            read_page(
                self._table,
                pk,
                between=(keys.ITEM_PREFIX, keys.ITEM_END),
                after=keys.item_sk(await places.cursor_place(self._table, pk, after)) if after else None,
                limit=page_limit(limit),
                descending=order == "desc",
                wanted=is_visible,
            ),
        )
        if not is_visible(visible):
            return Page[ThreadItem]()
        return _page(await self.decode_items(page.rows), page)

    async def load_item(self, thread_id: str, item_id: str, context: RequestContext) -> ThreadItem:
        """Return one item."""
        pk = self._partition(thread_id, context.caller)
        row = await self._find_item(pk, item_id, await self._open(pk, item_id))
        if row is None or not is_visible(row):
            raise ThreadNotFoundError("The item does not exist.")
        return (await self.decode_items([row]))[0]

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        """Store an item. One that is there already is replaced and keeps its place."""
        pk = self._partition(thread_id, context.caller)
        for round_number in range(MAX_ROUNDS):
            old = await self._find_item(pk, item.id, await self._open(pk, item.id))
            try:
                await self._put_item(pk, thread_id, item, old, context)
                return
            except ConditionFailedError as error:
                if error.index == 0:
                    raise ThreadNotFoundError("The thread does not exist.") from None
                await pause(round_number)
        raise ConflictError("The item is being written by others. Please try again.")

    async def save_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        """Store an item under its id, whether or not it is there; it keeps its place."""
        await self.add_thread_item(thread_id, item, context)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: RequestContext) -> None:
        """Remove an item and its object. One that is not there is no error, as in ChatKit's own stores."""
        pk = self._partition(thread_id, context.caller)
        row = await self._find_item(pk, item_id, await self._open(pk, item_id))
        if row is not None:
            await self._table.transact(item_removal(row))
            await self.drop_objects([row])

    async def _put_item(
        self, pk: str, thread_id: str, item: ThreadItem, old: Row | None, context: RequestContext
    ) -> None:
        writes = [Write(Key(pk, keys.META_SK), condition=THREAD_EXISTS)]
        at = None if old is None else row_key(old)
        writes += await self.item_writes(thread_id, item, context, at=at)
        await self._table.transact(writes)
        if old is not None:
            await self.drop_objects([old])

    async def item_writes(
        self, thread_id: str, item: ThreadItem, context: RequestContext, *, at: Key | None = None
    ) -> list[Write]:
        """Return the writes that store an item. A large one's object is put into the bucket before that.

        Args:
            thread_id: The thread.
            item: The item.
            context: The request's context.
            at: The key of the row that already holds the item; needed for foreign ids only.
        """
        caller = context.caller
        pk = self._partition(thread_id, caller)
        prefix = keys.item_object_prefix(caller.tenant_id, caller.user_id, thread_id)
        attributes, offload = item_row(item, prefix, context.settings.retention_days)
        if offload is not None:
            await self._resources.objects.put(offload.key, offload.body)
        own = keys.own_place(item.id)
        if own is not None:
            at = Key(pk, keys.item_sk(own))
        if at is not None:
            return [Write(at, put=attributes)]
        place, alias = places.new_alias(pk, item.id, item.created_at)
        return [Write(Key(pk, keys.item_sk(place)), put=attributes), alias]

    async def find_item(self, thread_id: str, item_id: str, context: RequestContext) -> Row | None:
        """Return an item's row, or None where there is none."""
        pk = self._partition(thread_id, context.caller)
        return await self._find_item(pk, item_id, await self._open(pk, item_id))

    async def _open(self, pk: str, item_id: str) -> dict[Key, Row]:
        """Read in one round trip what is known about a thread and one item of it."""
        own = keys.own_place(item_id)
        at = places.alias_key(pk, item_id) if own is None else Key(pk, keys.item_sk(own))
        found = await self._table.get_many([Key(pk, keys.META_SK), at])
        if not is_visible(found.get(Key(pk, keys.META_SK))):
            raise ThreadNotFoundError("The thread does not exist.")
        return found

    async def _find_item(self, pk: str, item_id: str, found: dict[Key, Row]) -> Row | None:
        own = keys.own_place(item_id)
        if own is not None:
            return found.get(Key(pk, keys.item_sk(own)))
        place = places.place_in(found.get(places.alias_key(pk, item_id)))
        return None if place is None else await self._table.get(Key(pk, keys.item_sk(place)))

    async def decode_items(self, rows: Sequence[Row]) -> list[ThreadItem]:
        """Return the items in rows, large ones from the bucket."""

        async def decode(row: Row) -> ThreadItem:
            body = None
            if "object" in row:
                try:
                    body = await self._resources.objects.get(row["object"])
                except KeyError:
                    raise ThreadNotFoundError("The item's content is gone.") from None
            return load_item(row, body)

        return list(await asyncio.gather(*(decode(row) for row in rows)))

    async def drop_objects(self, rows: Sequence[Row]) -> None:
        """Remove the objects of rows that no longer point to them."""
        objects = [row["object"] for row in rows if "object" in row]
        if objects:
            await self._resources.objects.delete_many(objects)

    # Attachments

    async def save_attachment(self, attachment: Attachment, context: RequestContext) -> None:
        """Store an attachment's metadata."""
        await attachment_records.save(self._table, context.caller, attachment)

    async def load_attachment(self, attachment_id: str, context: RequestContext) -> Attachment:
        """Return an attachment's metadata."""
        return await attachment_records.load(self._table, context.caller, attachment_id)

    async def delete_attachment(self, attachment_id: str, context: RequestContext) -> None:
        """Remove an attachment's metadata."""
        await self._table.delete(attachment_records.record_key(context.caller, attachment_id))

    def _partition(self, thread_id: str, caller: Caller) -> str:
        return keys.thread_partition(caller.tenant_id, caller.user_id, thread_id)

    def _meta_key(self, thread_id: str, caller: Caller) -> Key:
        return Key(self._partition(thread_id, caller), keys.META_SK)

    def _remember(self, row: Row, context: RequestContext) -> ThreadMetadata:
        thread = load_metadata(row)
        context.loaded[thread.id] = thread.model_copy(deep=True)
        return thread


def item_removal(row: Row) -> list[Write]:
    """Return the writes that remove an item's row, and let its alias lapse."""
    writes = [Write(row_key(row), delete=True)]
    if keys.own_place(row["id"]) is None:
        place = row["sk"].removeprefix(keys.ITEM_PREFIX)
        writes.append(places.forgotten_alias(row["pk"], row["id"], place))
    return writes


def _page(data: list[Any], page: RowPage) -> Page[Any]:
    return Page(data=data, has_more=page.has_more, after=data[-1].id if page.has_more and data else None)
