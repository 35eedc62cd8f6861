"""Pages of rows: bounded in number and in bytes, filled although some rows are not to be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assistant.errors import InvalidRequestError
from assistant.table import Row, Table

# A client that asks for everything gets this much and `has_more`.
MAX_PAGE_ROWS = 100
# A Lambda answer ends at 6 MB; the rest is for JSON's escapes and the thread around the items.
MAX_PAGE_BYTES = 4_500_000
# Rows that are read beyond the page asked for, so that a few hidden ones do not cost a second round trip.
SLACK_ROWS = 8


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
    while limit:
        # One more than needed tells whether there is more.
        found, more = await table.query(
            pk, between=between, after=after, descending=descending, limit=limit - len(rows) + 1 + SLACK_ROWS
        )
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
