"""Check passages against the rows of their documents.

The index lags behind its table. It may have a passage before the document switches to the passage's generation, or
after the document is removed. So a passage counts only if a consistent read finds its document, with the passage's own
generation.
"""

from __future__ import annotations

from collections.abc import Iterable

from assistant import clock
from assistant.aws import Row, Table
from assistant.aws.keys import Key
from assistant.context import Origin


async def current(table: Table, origins: Iterable[Origin]) -> set[Origin]:
    """Return the origins whose documents exist, have not expired, and have the origin's generation.

    Args:
        table: The main table, with the documents' rows.
        origins: Where passages come from.
    """
    wanted = set(origins)
    rows = await table.get_many([_key(origin) for origin in wanted]) if wanted else {}
    return {origin for origin in wanted if _is_current(origin, rows.get(_key(origin)))}


def _key(origin: Origin) -> Key:
    return origin.space.document(origin.document_id)


def _is_current(origin: Origin, row: Row | None) -> bool:
    return (
        row is not None
        and is_searchable(row)
        and row["gen"] == origin.generation
        and row.get("group") == origin.space.group
    )


def is_searchable(row: Row) -> bool:
    """Tell whether a version of a document can be searched now."""
    return "gen" in row and not _is_expired(row)


def _is_expired(row: Row) -> bool:
    """Tell whether a document has expired. The sweep removes it a little later."""
    expires_at: int | None = row.get("expires_at")
    return expires_at is not None and expires_at <= clock.now().timestamp()
