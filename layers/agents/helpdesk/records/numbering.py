"""New records under whole numbers that are never given twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from assistant.aws import ConditionFailedError, Row, Table
from assistant.aws.keys import Key
from assistant.errors import ConflictError
from assistant.ids import uuid7
from helpdesk.records import keys

# Every record carries it; a change of shape that the readers here cannot take gets the next one.
SCHEMA_VERSION = 1
# A number can only be taken when the counter was lost and began anew; each attempt moves it on.
MAX_ATTEMPTS = 8


def now() -> str:
    """Return the present UTC time as records hold it: ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


async def add_numbered(table: Table, partition: str, kind: keys.Kind, fields: Mapping[str, Any]) -> Row:
    """Store a new record under the partition's next number and return its row, `number` included.

    Two writers never get the same number, because the counter moves in one atomic update. When the network
    makes the client repeat a write that did arrive, the counter may skip a number, and the record, known by
    its `write_id`, is not written twice.

    Raises:
        ConflictError: no free number was found.
    """
    write_id = uuid7()
    for _ in range(MAX_ATTEMPTS):
        counted = await table.update(
            keys.counter(partition, kind),
            "ADD #last :one SET schema_version = :version",
            names={"#last": "last"},
            values={":one": 1, ":version": SCHEMA_VERSION},
        )
        number = int(counted["last"])
        row: Row = {
            **fields,
            "number": number,
            "write_id": write_id,
            "created_at": now(),
            "schema_version": SCHEMA_VERSION,
        }
        key = Key(partition, keys.record_sk(kind, number))
        try:
            await table.put(key, row, condition="attribute_not_exists(pk)")
        except ConditionFailedError as error:
            if error.row is None or error.row.get("write_id") != write_id:
                continue
        return row
    raise ConflictError
