"""Store new records under consecutive numbers that are never used twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from assistant.aws import ConditionFailedError, Row, Table
from assistant.aws.keys import Key
from assistant.errors import ConflictError
from assistant.ids import uuid7
from helpdesk.records import keys

# Every record stores this version. Increase it when the format changes in a way that the readers cannot handle.
SCHEMA_VERSION = 1
# A number is already used only if the counter was lost and restarted. Each attempt increases the counter.
MAX_ATTEMPTS = 8


def now() -> str:
    """Return the current UTC time in the records' format: ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


async def add_numbered(table: Table, partition: str, kind: keys.Kind, fields: Mapping[str, Any]) -> Row:
    """Store a new record under the partition's next number. Return its row including `number`.

    The counter is updated atomically, so two writers never get the same number. If the AWS client repeats a write
    after a network error, the counter may skip a number. The `write_id` prevents a second record.

    Raises:
        ConflictError: No free number was found.
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
