"""Write many rows of the table fast, and count rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from assistant.aws import keys
from assistant.aws.rowformat import dump
from assistant.aws.table import MAX_BATCH_WRITE_ROWS
from assistant.context import Resources
from assistant.threads.rows import dump_item, item_row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import WriteRequestOutputTypeDef


def put_items(resources: Resources, pk: str, items: Iterable[Any]) -> None:
    """Write items of a thread as the store would, 25 at a time."""
    requests: list[WriteRequestOutputTypeDef] = []
    for item in items:
        attributes, _ = item_row(item, dump_item(item), "", resources.settings.retention_days)
        key = {"pk": pk, "sk": keys.item_sk(keys.own_place(item.id) or keys.new_place(item.created_at))}
        requests.append({"PutRequest": {"Item": dump(attributes | key)}})
    for start in range(0, len(requests), MAX_BATCH_WRITE_ROWS):
        batch: dict[str, list[WriteRequestOutputTypeDef]] = {
            resources.table.name: requests[start : start + MAX_BATCH_WRITE_ROWS]
        }
        while batch:
            batch = resources.table.client.batch_write_item(RequestItems=batch)["UnprocessedItems"]


def keys_of(resources: Resources, part: str) -> list[tuple[str, str]]:
    """Return the keys of all rows whose partition contains that text, and of all work for the sweep.

    The entries of the audit trail stay when a thread is deleted, so they are left out.
    """
    pages = resources.table.client.get_paginator("scan").paginate(
        TableName=resources.table.name,
        ProjectionExpression="pk, sk, thread_id, #object, user_id",
        ExpressionAttributeNames={"#object": "object"},
    )
    return [
        (row["pk"]["S"], row["sk"]["S"])
        for page in pages
        for row in page["Items"]
        if not row["sk"]["S"].startswith(keys.AUDIT_PREFIX)
        and (
            part in row["pk"]["S"]
            or any(part in row.get(name, {}).get("S", "") for name in ("thread_id", "object", "user_id"))
        )
    ]


def rows_with(resources: Resources, *parts: str) -> list[str]:
    """Return all rows in which one of the texts occurs, in a form that can be compared."""
    pages = resources.table.client.get_paginator("scan").paginate(TableName=resources.table.name)
    rows = [repr(sorted(row.items())) for page in pages for row in page["Items"]]
    return sorted(row for row in rows if any(part in row for part in parts))
