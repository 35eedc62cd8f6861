"""What the API and the table hold when a random run has settled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx2

from assistant.aws.rowformat import load
from tests.faults.random_run.ledger import Item, plain
from tests.support.aws import Aws

Row = dict[str, Any]
# Small, so that a thread has several pages.
PAGE = 20


@dataclass
class Stored:
    """A thread.

    Attributes:
        user: Its owner.
        items: What its user is shown, the oldest first.
        problems: Where two ways of reading it differ.
        rows: Its rows by sort key.
    """

    user: str
    items: list[Item] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)

    def turn_items(self, turn_id: str) -> list[str] | None:
        """Return the ids of the visible items of a turn that has ended; None where its story is not there."""
        story = self.rows.get(f"B#{turn_id}")
        if story is None:
            return None
        return [
            row["id"]
            for sk, row in self.rows.items()
            if sk.startswith("I#") and story["floor"] <= sk <= story["ceiling"] and not row.get("hidden")
        ]

    def outcome(self, turn_id: str) -> str | None:
        """Return how a turn has ended."""
        return (self.rows.get(f"B#{turn_id}") or {}).get("outcome")


@dataclass
class Truth:
    """All of it.

    Attributes:
        threads: The living threads by id.
        rows: All rows of the table.
        objects: The keys of all objects in the bucket.
    """

    threads: dict[str, Stored]
    rows: list[Row]
    objects: list[str]

    def times(self, user: str, what: str) -> int:
        """Return how often something was done for a user."""
        done = [row for row in self.rows if row["sk"].startswith(f"{what}#")]
        return sum(unquote(row["pk"]).endswith(f"#{user}") for row in done)


async def read_truth(aws: Aws, url: str, tokens: dict[str, str]) -> Truth:
    """Read it all.

    Args:
        aws: The table and the bucket.
        url: A process to ask.
        tokens: Of the users, by name.
    """
    threads: dict[str, Stored] = {}
    async with httpx2.AsyncClient(base_url=url, timeout=60.0) as http:
        for user, token in tokens.items():
            asking = _Asking(http, token)
            for thread in await asking.pages("threads.list", order="desc"):
                stored = threads[thread["id"]] = Stored(user)
                stored.items = [
                    plain(item) for item in await asking.pages("items.list", **_thread(thread), order="asc")
                ]
                backwards = [plain(item) for item in await asking.pages("items.list", **_thread(thread), order="desc")]
                if backwards[::-1] != stored.items:
                    stored.problems.append("read backwards it has other items")
    rows = list(_rows(aws))
    for thread_id, stored in threads.items():
        for row in rows:
            kind, *ids = row["pk"].split("#")
            if kind == "THREAD" and unquote(ids[-1]) == thread_id:
                stored.rows[row["sk"]] = row
    return Truth(threads, rows, list(_objects(aws)))


def _thread(thread: dict[str, Any]) -> dict[str, str]:
    return {"thread_id": thread["id"]}


@dataclass
class _Asking:
    http: httpx2.AsyncClient
    token: str

    async def pages(self, operation: str, **params: Any) -> list[dict[str, Any]]:
        """Return all that an operation lists."""
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            body = {"type": operation, "params": {"limit": PAGE, **params, **after}}
            headers = {"authorization": f"Bearer {self.token}"}
            response = await self.http.post("/chatkit/api", json=body, headers=headers)
            assert response.status_code == 200, f"{operation} {params}: {response.status_code} {response.text}"
            page = response.json()
            found += page["data"]
            if not page["has_more"]:
                return found
            after = {"after": page["after"]}


def _rows(aws: Aws) -> Iterable[Row]:
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=aws.table_name, ConsistentRead=True)
    return (load(item) for page in pages for item in page["Items"])


def _objects(aws: Aws) -> Iterable[str]:
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=aws.bucket_name)
    return (each["Key"] for page in pages for each in page.get("Contents", []))
