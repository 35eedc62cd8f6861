"""Pages of rows, limited in number and in bytes. Hidden rows do not count towards a page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from assistant.aws import Row, Table, keys
from assistant.aws.keys import Key
from assistant.errors import InvalidRequestError

# A client that asks for more gets this many and `has_more`.
MAX_PAGE_ROWS = 100
# Lambda limits an answer to 6 MB; the rest is for the thread around the items. A row's `size` is its size in an answer.
MAX_PAGE_BYTES = 5_500_000
# Rows read beyond the requested page, so that hidden rows do not cost a second round trip. A turn that calls a tool
# stores a hidden item beside its message and its answer.
SLACK_ROWS = 12
# If too many rows were hidden, the next round trip reads at least this many.
NEXT_ROWS = 100


@dataclass(frozen=True)
class RowPage:
    """Rows in the requested order, and whether more follow."""

    rows: list[Row]
    has_more: bool


def page_limit(limit: int) -> int:
    """Return how many rows a page may have.

    Raises:
        InvalidRequestError: the limit is negative.
    """
    if limit < 0:
        raise InvalidRequestError("A limit cannot be negative.")
    return min(limit, MAX_PAGE_ROWS)


async def read_page(
    table: Table,
    pk: str,
    *,
    between: tuple[str, str],
    after: str | None,
    limit: int,
    descending: bool,
    wanted: Callable[[Row], bool],
) -> RowPage:
    """Read rows until the page is full or the partition ends.

    Args:
        table: The table.
        pk: The partition.
        between: The first and last sort key.
        after: The sort key after which to begin; no row needs to have it.
        limit: The largest number of wanted rows.
        descending: Whether to read backwards.
        wanted: Tells whether a row belongs on the page.
    """
    rows: list[Row] = []
    size = 0
    # One extra row tells whether more follow.
    read = limit + 1 + SLACK_ROWS
    while limit:
        found, more = await table.query(pk, between=between, after=after, descending=descending, limit=read)
        read = max(limit - len(rows) + 1 + SLACK_ROWS, NEXT_ROWS)
        for row in found:
            if not wanted(row):
                continue
            size += row.get("size", 0)
            if len(rows) == limit or (rows and size > MAX_PAGE_BYTES):
                return RowPage(rows, has_more=True)
            rows.append(row)
        if not more or not found:
            break
        after = found[-1]["sk"]
    return RowPage(rows, has_more=False)


@dataclass(frozen=True)
class ThreadHead:
    """The last rows of a thread's partition.

    Attributes:
        meta: The thread's metadata row, or None.
        turn: The row of its newest turn; None if there is none, or if only the metadata was requested.
    """

    meta: Row | None
    turn: Row | None = None


async def read_newest(
    table: Table, pk: str, *, limit: int, wanted: Callable[[Row], bool], up_to: str = keys.META_SK
) -> tuple[ThreadHead, RowPage]:
    """Read a thread's head and its newest items, the newest first, in one round trip.

    Args:
        table: The table.
        pk: The thread's partition.
        limit: The largest number of wanted items.
        wanted: Tells whether an item belongs on the page.
        up_to: The sort key to begin with: the metadata's, or the newest turn's.
    """
    head: dict[str, Row] = {}

    def keep(row: Row) -> bool:
        if row["sk"] in (keys.META_SK, keys.TURN_SK):
            head[row["sk"]] = row
            return False
        return wanted(row)

    page = await read_page(
        table, pk, between=(keys.ITEM_PREFIX, up_to), after=None, limit=limit, descending=True, wanted=keep
    )
    return ThreadHead(head.get(keys.META_SK), head.get(keys.TURN_SK)), page


async def read_items(
    table: Table,
    pk: str,
    *,
    after: str | None,
    limit: int,
    descending: bool,
    wanted: Callable[[Row], bool],
    up_to: str = keys.META_SK,
) -> tuple[ThreadHead, RowPage]:
    """Read a page of a thread's items and the thread's head, in the time of one round trip.

    The head comes after the newest item. If a page begins elsewhere, no single DynamoDB call returns both: a
    BatchGetItem for the head then runs beside the Query.

    Args:
        table: The table.
        pk: The thread's partition.
        after: The sort key after which to begin; no row needs to have it. None for the first page.
        limit: The largest number of wanted items.
        descending: Whether to read the newest first.
        wanted: Tells whether an item belongs on the page.
        up_to: The sort key of the last head row to read: the metadata's, or the newest turn's.
    """
    if after is None and descending and limit:
        return await read_newest(table, pk, limit=limit, wanted=wanted, up_to=up_to)
    meta, turn = Key(pk, keys.META_SK), Key(pk, keys.TURN_SK)
    between = (keys.ITEM_PREFIX, keys.ITEM_END)
    head, page = await asyncio.gather(
        table.get_many([key for key in (meta, turn) if key.sk <= up_to]),
        read_page(table, pk, between=between, after=after, limit=limit, descending=descending, wanted=wanted),
    )
    return ThreadHead(head.get(meta), head.get(turn)), page
