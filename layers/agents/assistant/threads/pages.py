"""Pages of rows: bounded in number and in bytes, filled although some rows are not to be seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from assistant.aws import Row, Table, keys
from assistant.aws.keys import Key
from assistant.errors import InvalidRequestError

# A client that asks for everything gets this much and `has_more`.
MAX_PAGE_ROWS = 100
# A Lambda answer ends at 6 MB; the rest is for the thread around the items. Rows know their size inside an answer.
MAX_PAGE_BYTES = 5_500_000
# Rows that are read beyond the page asked for, so that hidden ones do not cost a second round trip: a turn that calls
# a tool stores a hidden item beside a message and an answer.
SLACK_ROWS = 12
# Where rows turn out to be hidden, the next round trip reads this many at least.
NEXT_ROWS = 100


@dataclass(frozen=True)
class RowPage:
    """Rows in the order asked for, and whether there are more behind them."""

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
    """Read on until the page is full, or there is nothing more.

    Args:
        table: The table.
        pk: The partition.
        between: The first and last sort key.
        after: The sort key to begin after, existing or not.
        limit: How many wanted rows the page holds at most.
        descending: Whether to read backwards.
        wanted: Whether a row counts; the others are left out.
    """
    rows: list[Row] = []
    size = 0
    # One more than needed tells whether there is more.
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
    """What stands at the end of a thread's partition.

    Attributes:
        meta: The thread's metadata row, None if there is none.
        turn: The row of its newest turn; None if there is none, or where only the metadata was asked for.
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
        limit: How many wanted items at most.
        wanted: Whether an item counts.
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
    """Read a page of a thread's items, and its head with it, in one hop.

    The head stands behind the newest item. Where a page does not begin there, no single call of DynamoDB
    returns both, and one that fetches the head's rows by their keys runs beside the Query.

    Args:
        table: The table.
        pk: The thread's partition.
        after: The sort key to begin after, existing or not; None for a first page.
        limit: How many wanted items at most.
        descending: Whether to read the newest first.
        wanted: Whether an item counts.
        up_to: How much of the head: the metadata alone, or up to the newest turn.
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
