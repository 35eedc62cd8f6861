"""What the table holds of one user, read row by row and past the API."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from assistant.aws.rowformat import load
from assistant.threads.rows import unpack
from local import stack
from tests.support.dev import DevServer


@dataclass
class Stored:
    """The rows of one user.

    Attributes:
        messages: The texts of all messages, in their order: `("user_message", "hello")`.
        turns: How many turns have ended, by how they ended: `{"done": 1}`.
        running: How many turns run.
        tasks: How many tasks of the tests' agents there are.
    """

    messages: list[tuple[str, str]] = field(default_factory=list)
    turns: dict[str, int] = field(default_factory=dict)
    running: int = 0
    tasks: int = 0


def stored(server: DevServer, user: str, tenant: str = "acme") -> Stored:
    """Read all rows of a user. A user of a test has one thread, or reads the threads' messages one after the other."""
    client = stack.client("dynamodb", server.aws_endpoint_url)
    pages = client.get_paginator("scan").paginate(TableName=server.table_name, ConsistentRead=True)
    rows = [load(item) for page in pages for item in page["Items"]]
    found = Stored()
    for row in sorted(rows, key=lambda row: (row["pk"], row["sk"])):
        if row["pk"].startswith(f"THREAD#{tenant}#{user}#"):
            _note(found, row)
        elif row["pk"] == f"APP#{tenant}#{user}" and row["sk"].startswith("TASK#"):
            found.tasks += 1
    return found


def _note(found: Stored, row: dict[str, Any]) -> None:
    kind = row["sk"].split("#")[0]
    if kind == "I":
        item = json.loads(unpack(row))
        if item["type"] in ("user_message", "assistant_message"):
            text = "".join(part["text"] for part in item["content"])
            found.messages.append((item["type"], text))
    elif kind == "~turn":
        found.running += row.get("state") == "running"
    elif kind == "B":
        found.turns[row["outcome"]] = found.turns.get(row["outcome"], 0) + 1
