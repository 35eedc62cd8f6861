"""Read and write items: find them by id, decode them, replace them in place, remove them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chatkit.types import ThreadItem

from assistant.aws import Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.errors import StoreUnavailableError
from assistant.identity import Caller
from assistant.threads import large_objects, places
from assistant.threads.errors import ThreadNotFoundError
from assistant.threads.rows import (
    MAX_ON_LOOP_BYTES,
    SCHEMA_VERSION,
    Offload,
    dump_item,
    is_visible,
    item_row,
    load_item,
    row_key,
    would_undo_answer,
)

if TYPE_CHECKING:
    from assistant.aws import Table
    from assistant.context import RequestContext

logger = logging.getLogger(__name__)

# The row attributes that belong to the item itself. A new version keeps all others, such as feedback.
_OWN_ATTRIBUTES = (
    "schema_version",
    "id",
    "type",
    "size",
    "data",
    "blob",
    "object",
    "hidden",
    "waits",
    "attachments",
    "images",
    "expires_at",
    "ttl",
)


def replacement(
    key: Key,
    attributes: Mapping[str, Any],
    own: Sequence[str],
    condition: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> Write:
    """Return the write that sets these attributes of a row and removes those of `own` that are not set.

    Args:
        key: The row's key; the row need not exist.
        attributes: The attributes to set.
        own: The names that this writer owns. The row's other attributes stay.
        condition: The write's condition. It may use each name of `own` with a `#` before it.
        values: Further values for the condition.
    """
    gone = [name for name in own if name not in attributes]
    update = "SET " + ", ".join(f"#{name} = :{name}" for name in attributes)
    if gone:
        update += " REMOVE " + ", ".join(f"#{name}" for name in gone)
    return Write(
        key,
        update=update,
        condition=condition,
        names={f"#{name}": name for name in own},
        values={**{f":{name}": value for name, value in attributes.items()}, **(values or {})},
    )


def unchanged_since(row: Row | None) -> tuple[str, dict[str, Any]]:
    """Return the condition that an item still points to the object that was read, or still does not exist.

    Without this condition, two writers that replace or remove an item at once could leave an orphan object, or bring
    a removed item back.

    Args:
        row: The item's row as it was read, or None.

    Returns:
        The condition, which uses the name `#object`, and its values.
    """
    if row is None:
        return "attribute_not_exists(id)", {}
    if "object" in row:
        return "#object = :read", {":read": row["object"]}
    return "attribute_exists(id) AND attribute_not_exists(#object)", {}


def item_removal(
    row: Row,
    condition: str | None = None,
    names: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> list[Write]:
    """Return the writes that remove an item's row and leave the records that are needed afterwards.

    Args:
        row: The item's row.
        condition: The first write's condition.
        names: The condition's names.
        values: The condition's values.
    """
    pk, place = row["pk"], row["sk"].removeprefix(keys.ITEM_PREFIX)
    removal = Write(row_key(row), delete=True, condition=condition, names=names or {}, values=values or {})
    writes = [removal, *large_objects.row_object_removals(row)]
    if keys.own_place(row["id"]) is None:
        writes.append(places.lapsing_alias(pk, row["id"], place))
    if row.get("attachments"):
        # Another message may use the same files, so they are removed with the thread.
        left = {"schema_version": SCHEMA_VERSION, "attachments": row["attachments"]}
        writes.append(Write(Key(pk, keys.orphans_sk(place)), put=left))
    return writes


class ItemRows:
    """The items of all threads. The context names the tenant and the user."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._table: Table = resources.table

    async def item_writes(
        self,
        thread_id: str,
        item: ThreadItem,
        context: RequestContext,
        *,
        at: Key | None = None,
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> list[Write]:
        """Return the writes that store an item, the item's row first. Put the object of a large item before that.

        Args:
            thread_id: The thread.
            item: The item.
            context: The request's context.
            at: The key of the row that holds the item already. Needed for foreign ids only.
            condition: The condition on the item's row.
            values: The condition's values.

        Raises:
            TooLargeError: the item is larger than the limit.
        """
        caller = context.caller
        pk = self._partition(thread_id, caller)
        prefix = caller.thread(thread_id).object_prefix
        attributes, large = await self._pack(item, prefix, context.settings.retention_days)
        own = keys.own_place(item.id)
        writes: list[Write] = []
        if own is not None:
            at = Key(pk, keys.item_sk(own))
        if at is None:
            place, alias = places.new_alias(pk, item.id, item.created_at)
            at, writes = Key(pk, keys.item_sk(place)), [alias]
        if large is not None:
            writes.append(await large_objects.put_object(self._resources, large))
        return [replacement(at, attributes, _OWN_ATTRIBUTES, condition, values), *writes]

    async def upsert_writes(
        self, thread_id: str, item: ThreadItem, context: RequestContext, *, replaces: bool = False
    ) -> list[Write]:
        """Return the writes that store an item. An item that exists keeps its place.

        The list is empty if the item is a question that its user has answered under the same id.

        Args:
            thread_id: The thread.
            item: The item.
            context: The request's context.
            replaces: Whether the item may replace one with an object, which the sweep must then remove. Only then
                does an id of this project cost a read.

        Raises:
            ThreadNotFoundError: the thread does not exist.
        """
        if not replaces and keys.own_place(item.id) is not None:
            return await self.item_writes(thread_id, item, context)
        old = await self.find_item(thread_id, item.id, context)
        if old is None:
            return await self.item_writes(thread_id, item, context)
        if would_undo_answer(old, item):
            return []
        return [*await self.item_writes(thread_id, item, context, at=row_key(old)), *large_objects.object_removals(old)]

    async def _pack(
        self, item: ThreadItem, prefix: str, retention_days: int | None
    ) -> tuple[dict[str, Any], Offload | None]:
        raw = dump_item(item)
        if len(raw) > MAX_ON_LOOP_BYTES:
            return await asyncio.to_thread(item_row, item, raw, prefix, retention_days)
        return item_row(item, raw, prefix, retention_days)

    async def find_item(self, thread_id: str, item_id: str, context: RequestContext) -> Row | None:
        """Return an item's row, or None.

        Raises:
            ThreadNotFoundError: the thread does not exist.
        """
        _, rows = await self.find_items(thread_id, [item_id], context)
        return rows.get(item_id)

    async def find_items(
        self, thread_id: str, item_ids: Iterable[str], context: RequestContext
    ) -> tuple[Row, dict[str, Row]]:
        """Return a thread's metadata row, and the rows of the items that exist, by id.

        This takes one round trip, or two if there is a foreign id.

        Raises:
            ThreadNotFoundError: the thread does not exist.
        """
        pk = self._partition(thread_id, context.caller)
        meta_key = Key(pk, keys.META_SK)
        at: dict[str, Key] = {}
        aliases: dict[str, Key] = {}
        for item_id in item_ids:
            own = keys.own_place(item_id)
            if own is None:
                aliases[item_id] = places.alias_key(pk, item_id)
            else:
                at[item_id] = Key(pk, keys.item_sk(own))
        found = await self._table.get_many([meta_key, *at.values(), *aliases.values()])
        meta = found.get(meta_key)
        if meta is None or not is_visible(meta):
            raise ThreadNotFoundError(thread_id)
        for item_id, alias in aliases.items():
            place = places.place_in(found.get(alias))
            if place is not None:
                at[item_id] = Key(pk, keys.item_sk(place))
        foreign = [at[item_id] for item_id in aliases if item_id in at]
        if foreign:
            found |= await self._table.get_many(foreign)
        return meta, {item_id: found[key] for item_id, key in at.items() if key in found}

    async def decode_items(self, rows: Sequence[Row]) -> list[ThreadItem]:
        """Return the items of rows. Read large ones from the bucket; leave out items that were removed meanwhile."""
        items = await asyncio.gather(*(self._decode(row) for row in rows))
        return [item for item in items if item is not None]

    async def _decode(self, row: Row) -> ThreadItem | None:
        body = None
        if "object" in row:
            try:
                body = await self._resources.objects.get(row["object"])
            except KeyError:
                # Another writer has replaced or removed the item since its row was read.
                fresh = await self._table.get(row_key(row))
                if fresh is not None and fresh.get("object") != row["object"]:
                    return await self._decode(fresh)
                if fresh is not None:
                    logger.error("object %s of an item is not in the bucket", row["object"])
                return None
        if row.get("size", 0) > MAX_ON_LOOP_BYTES:
            return await asyncio.to_thread(load_item, row, body)
        return load_item(row, body)

    async def drop_objects(self, rows: Sequence[Row]) -> None:
        """Remove the objects of replaced rows. If the bucket refuses, the sweep removes them later."""
        objects = [row["object"] for row in rows if "object" in row]
        if objects:
            try:
                await self._resources.objects.delete_many(objects)
            except StoreUnavailableError:
                # The item is stored or removed already. An error would make the client repeat that.
                logger.warning("cannot remove %d orphan objects now; the sweep removes them later", len(objects))

    def _partition(self, thread_id: str, caller: Caller) -> str:
        return caller.thread(thread_id).partition
