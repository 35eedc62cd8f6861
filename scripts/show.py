"""`make show`: print one turn from the table. It shows texts only with `--texts`.

With tenant, user and thread, one query finds the turn. A log line has only a hash of the user. Without the user, the
command scans the whole table, which costs money.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from scripts.arguments import Parser, given
from scripts.target import add_target, open_target

if TYPE_CHECKING:
    from assistant.aws import Row
    from assistant.context import Resources

# Items of one turn that are shown; a turn has a dozen at most.
MAX_ITEMS = 100
# Where a story has words in it that were written for the user.
_TEXTS = ("error_message",)


@dataclass(frozen=True)
class Found:
    """A turn's story, or its record while it runs, and its items."""

    pk: str
    row: Row
    items: tuple[Row, ...]


async def find(resources: Resources, turn_id: str, partition: str | None) -> Found | None:
    """Return a turn.

    Args:
        resources: The table and the bucket.
        turn_id: The turn.
        partition: The thread's partition; None scans the table for it.
    """
    from assistant.aws import keys
    from assistant.aws.keys import Key

    pk = partition or await asyncio.to_thread(_scan, resources, turn_id)
    if pk is None:
        return None
    table = resources.table
    row = await table.get(Key(pk, keys.story_sk(turn_id)))
    if row is None:
        row = await table.get(Key(pk, keys.TURN_SK))
        if row is None or row.get("turn_id") != turn_id:
            return None
    between = (row["floor"], row.get("ceiling", keys.ITEM_END))
    items, _ = await table.query(pk, between=between, limit=MAX_ITEMS)
    return Found(pk, row, tuple(items))


def _scan(resources: Resources, turn_id: str) -> str | None:
    """Return the partition in which a turn stands, by reading the whole table."""
    from assistant.aws import keys

    pages = resources.table.client.get_paginator("scan").paginate(
        TableName=resources.table.name,
        FilterExpression="sk = :story OR (sk = :turn AND turn_id = :turn_id)",
        ProjectionExpression="pk",
        ExpressionAttributeValues={
            ":story": {"S": keys.story_sk(turn_id)},
            ":turn": {"S": keys.TURN_SK},
            ":turn_id": {"S": turn_id},
        },
    )
    read = 0
    for page in pages:
        read += page["ScannedCount"]
        for row in page["Items"]:
            print(f"found after {read:,} rows were read", file=sys.stderr)
            return row["pk"]["S"]
    print(f"{read:,} rows were read", file=sys.stderr)
    return None


async def describe(resources: Resources, found: Found, *, texts: bool) -> str:
    """Return a turn's story for people.

    Args:
        resources: The table and the bucket.
        found: The turn.
        texts: Whether to show what was said.
    """
    tenant, user, thread = (unquote(part) for part in found.pk.split("#")[1:4])
    row = found.row
    lines = [
        f"{row['turn_id']}  {row.get('outcome') or row.get('state')}",
        f"  tenant {tenant}, user {user}, thread {thread}",
        *(f"  {name}: {value}" for name, value in _told(row, texts)),
    ]
    if "lease" in row:
        lines.append(f"  it runs, and is believed to be alive until {datetime.fromtimestamp(row['lease'], UTC)}")
    lines.append(f"  items ({len(found.items)}):")
    for item in found.items:
        flags = [name for name in ("hidden", "waits", "object", "feedback") if item.get(name)]
        lines.append("    " + "  ".join([item["id"], item["type"], f"{item.get('size', 0)} B", *flags]))
        if texts:
            lines.append(f"      {await _text(resources, item)}")
    return "\n".join(lines)


def _told(row: Row, texts: bool) -> Iterator[tuple[str, Any]]:
    hidden = {"pk", "sk", "turn_id", "outcome", "state", "lease", "floor", "ceiling", "items", "schema_version"}
    hidden |= {"expires_at", "ttl", "partial", *(() if texts else _TEXTS)}
    for name in sorted(row.keys() - hidden):
        if row[name] not in (None, [], ""):
            yield name.replace("_", " "), ", ".join(map(str, row[name])) if isinstance(row[name], list) else row[name]


async def _text(resources: Resources, row: Row) -> str:
    from assistant.threads import load_item

    try:
        body = await resources.objects.get(row["object"]) if "object" in row else None
    except KeyError:
        return "(its object is not in the bucket)"
    return load_item(row, body).model_dump_json(exclude_none=True, exclude={"id", "thread_id", "created_at", "type"})


def main() -> int:
    """Print a turn; 1 when there is no such turn."""
    parser = Parser(description=__doc__)
    parser.add_argument("--turn", type=given, required=True)
    for name in ("thread", "user", "tenant"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--texts", action="store_true", help="show what was said; whoever reads along reads it too")
    add_target(parser)
    arguments = parser.parse_args()
    owner = (arguments.tenant, arguments.user, arguments.thread)
    if any(owner) and not all(owner):
        # Whoever names a part of them means one query, and is not to pay for a scan.
        parser.error("a thread is found by --thread, --tenant and --user together, or by a scan without them")
    resources = open_target(arguments)
    from assistant.aws import keys

    partition = keys.ThreadRef(*owner).partition if all(owner) else None
    return asyncio.run(_show(resources, arguments.turn, partition, arguments.texts))


async def _show(resources: Resources, turn_id: str, partition: str | None, texts: bool) -> int:
    found = await find(resources, turn_id, partition)
    if found is None:
        where = "in that thread" if partition else "in the table"
        print(f"There is no turn {turn_id} {where}.", file=sys.stderr)
        return 1
    print(await describe(resources, found, texts=texts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
