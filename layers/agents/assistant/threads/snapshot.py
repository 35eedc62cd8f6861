"""A snapshot of a thread for a turn: metadata, newest turn and newest items, read by one Query."""

from __future__ import annotations

from dataclasses import dataclass

from chatkit.types import ThreadItem, ThreadMetadata

from assistant.aws import Row, keys
from assistant.context import RequestContext
from assistant.settings import Settings
from assistant.threads import places
from assistant.threads.errors import ThreadNotFoundError
from assistant.threads.known import remember
from assistant.threads.rows import is_visible
from assistant.threads.store import thread_store
from assistant.threads.turn_record import TurnRecord, load_record

# A model sees only the newest items of a thread. One page of this size keeps the cost of a turn independent of the
# thread's length. A larger token budget reads more items, at this average number of tokens an item.
SNAPSHOT_ITEMS = 50
TOKENS_AN_ITEM = 320
MAX_SNAPSHOT_ITEMS = 500
# The most bytes of JSON that a token of the budget may need: about four characters, all of them escaped. Items beyond
# the budget are not decoded: a few large messages would need hundreds of megabytes.
BYTES_A_TOKEN = 32


def snapshot_items(settings: Settings) -> int:
    """Return how many of the newest items a turn reads: about as many as fit into `HISTORY_MAX_TOKENS`."""
    return min(max(SNAPSHOT_ITEMS, settings.history_max_tokens // TOKENS_AN_ITEM), MAX_SNAPSHOT_ITEMS)


def within_budget(rows: list[Row], settings: Settings) -> list[Row]:
    """Return the first of these rows that can be part of the history, at least one of them."""
    left = settings.history_max_tokens * BYTES_A_TOKEN
    for index, row in enumerate(rows):
        left -= row.get("size", 0)
        if left < 0:
            return rows[: max(index, 1)]
    return rows


@dataclass
class ThreadSnapshot:
    """The result of one read.

    Attributes:
        thread: The metadata.
        turn: The newest turn, running or not.
        items: The newest items, the oldest first.
        complete: Whether `items` are all items of the thread.
    """

    thread: ThreadMetadata
    turn: TurnRecord | None
    items: list[ThreadItem]
    complete: bool


def split_head(rows: list[Row]) -> tuple[Row | None, Row | None, list[Row]]:
    """Split a thread's rows into the turn, the metadata and the items."""
    turn = next((row for row in rows if row["sk"] == keys.TURN_SK), None)
    meta = next((row for row in rows if row["sk"] == keys.META_SK), None)
    return turn, meta, [row for row in rows if row["sk"].startswith(keys.ITEM_PREFIX)]


async def read_snapshot(thread_id: str, context: RequestContext, *, newest: str | None = None) -> ThreadSnapshot:
    """Read a thread.

    Args:
        thread_id: The thread.
        context: The request's context.
        newest: The id of the last item to return; by default the thread's newest item.

    Raises:
        NotFoundError: the thread does not exist for this caller.
    """
    caller, table = context.caller, context.resources.table
    pk = caller.thread(thread_id).partition
    # The same query returns the turn and the metadata: two rows more.
    limit = snapshot_items(context.settings)
    rows, more = await table.query(pk, between=(keys.ITEM_PREFIX, keys.TURN_SK), descending=True, limit=limit + 2)
    turn, meta, items = split_head(rows)
    if meta is None or not is_visible(meta):
        raise ThreadNotFoundError(thread_id)
    if newest is not None and all(row["id"] != newest for row in items):
        high = keys.item_sk(await places.cursor_place(table, pk, newest))
        items, more = await table.query(pk, between=(keys.ITEM_PREFIX, high), descending=True, limit=limit)
    items = [row for row in items if is_visible(row)]
    if newest is not None:
        while items and items[0]["id"] != newest:
            items.pop(0)
    thread = remember(context, meta)
    kept = within_budget(items, context.settings)
    decoded = await thread_store(context.resources).decode_items(kept[::-1])
    complete = not more and len(kept) == len(items)
    return ThreadSnapshot(thread, load_record(turn), decoded, complete=complete)
