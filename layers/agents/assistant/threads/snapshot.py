"""A thread as a turn finds it: its metadata, its newest turn and its newest items, in one Query."""

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

# What a model may see of a thread is in its newest items. One page of this size keeps the cost of a turn the same
# for a thread of any length; a larger budget of tokens reads more, at so many tokens an item.
SNAPSHOT_ITEMS = 50
TOKENS_AN_ITEM = 320
MAX_SNAPSHOT_ITEMS = 500


def snapshot_items(settings: Settings) -> int:
    """Return how many of a thread's newest items a turn reads: about what `HISTORY_MAX_TOKENS` can hold."""
    return min(max(SNAPSHOT_ITEMS, settings.history_max_tokens // TOKENS_AN_ITEM), MAX_SNAPSHOT_ITEMS)


@dataclass
class ThreadSnapshot:
    """What was read.

    Attributes:
        thread: The metadata.
        turn: The newest turn, running or not.
        items: The newest items, the oldest first.
        complete: Whether these are all items of the thread.
    """

    thread: ThreadMetadata
    turn: TurnRecord | None
    items: list[ThreadItem]
    complete: bool


def split_head(rows: list[Row]) -> tuple[Row | None, Row | None, list[Row]]:
    """Split rows of a thread, read backwards, into its turn, its metadata and its items."""
    turn = next((row for row in rows if row["sk"] == keys.TURN_SK), None)
    meta = next((row for row in rows if row["sk"] == keys.META_SK), None)
    return turn, meta, [row for row in rows if row["sk"].startswith(keys.ITEM_PREFIX)]


async def read_snapshot(thread_id: str, context: RequestContext, *, newest: str | None = None) -> ThreadSnapshot:
    """Read a thread.

    Args:
        thread_id: The thread.
        context: The request's context.
        newest: The id of the item to end with; the thread's newest by default.

    Raises:
        NotFoundError: the thread is not the caller's.
    """
    caller, table = context.caller, context.resources.table
    pk = caller.thread(thread_id).partition
    # The turn and the metadata come with the items, which is why there are two rows more.
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
    decoded = await thread_store(context.resources).decode_items(items[::-1])
    return ThreadSnapshot(thread, load_record(turn), decoded, complete=not more)
