"""Remove a long old answer that a retry has replaced.

One transaction ends the retry and removes as many old items as fit into it. It also stores the list of the remaining
items as work for the sweep. Further transactions remove those items. If the process dies before that, the sweep removes
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assistant import clock
from assistant.aws import MAX_TRANSACTION_ROWS, Row, Write, keys
from assistant.aws.keys import Key, ThreadRef
from assistant.context import Resources
from assistant.threads.items import item_removal
from assistant.threads.rows import SCHEMA_VERSION

REPLACED_KIND = "replaced"
# A sort key has about 60 bytes, and DynamoDB allows 400 KB a row.
_KEYS_A_ROW = 2000


def replaced_items(thread: ThreadRef, rows: Sequence[Row]) -> list[Write]:
    """Return the writes that store the removal of these items as work for the sweep."""
    pk = thread.partition
    writes: list[Write] = []
    for start in range(0, len(rows), _KEYS_A_ROW):
        places = [row["sk"] for row in rows[start : start + _KEYS_A_ROW]]
        work: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "kind": REPLACED_KIND, "thread": pk, "items": places}
        writes.append(Write(keys.sweep_key(clock.now(), f"{pk}#{places[0]}", REPLACED_KIND), put=work))
    return writes


async def remove_replaced(resources: Resources, work: Row) -> None:
    """Remove the items that one row of work names. The caller removes the row of work."""
    rows = await resources.table.get_many([Key(work["thread"], sk) for sk in work["items"]])
    batch: list[Write] = []
    for removal in [item_removal(row) for row in rows.values()]:
        if len(batch) + len(removal) > MAX_TRANSACTION_ROWS:
            await resources.table.transact(batch)
            batch = []
        batch += removal
    if batch:
        await resources.table.transact(batch)
