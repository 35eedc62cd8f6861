"""Growth: a busy tenant's counters, the sweep with a large backlog, and a thread of huge messages.

    python -m benchmarks.growth [--quick]

- Claims: 200 turns a second of one tenant, beside the same with one counter row. DynamoDB is a model here, because no
  local AWS has its conflicts: a transaction takes 10 ms and conflicts with each other transaction on one of its rows.
- Sweep: pieces of work a second with a backlog of 50,000, beside one piece at a time. DynamoDB and S3 are models, too.
- Memory: the peak and the time for opening a thread of 50 messages of 5.9 MB, beside decoding all of them.

Prints a table and writes bench-results/growth.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from assistant.aws import keys
from assistant.context import RequestContext, Resources
from assistant.errors import StoreUnavailableError
from assistant.identity import Caller
from assistant.quotas import Amount, TurnClaim, shards
from assistant.threads import read_snapshot, thread_store
from benchmarks import growth_sweep
from local.emulator import Emulator
from tests.support.aws import make_table_and_bucket
from tests.support.conversations import new_thread, said
from tests.support.faults import aws_response
from tests.support.store import request_of, resources_on

RESULTS = Path(__file__).parents[1] / "bench-results" / "growth.json"
TURNS_PER_SECOND = 200
TENANT_LIMIT = 60 * TURNS_PER_SECOND * 2
# The time that a transaction of some rows takes on DynamoDB.
TRANSACTION_SECONDS = 0.01
MESSAGES, MESSAGE_BYTES = 50, 5_900_000


class ConflictingTable:
    """DynamoDB's rule for concurrent transactions: two that have a row in common cannot both be applied."""

    def __init__(self, client: Any) -> None:
        self.conflicts = 0
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._events = client.meta.events
        self._events.register_first("before-send.dynamodb.TransactWriteItems", self._answer)

    def close(self) -> None:
        """Let the client send its requests again."""
        self._events.unregister("before-send.dynamodb.TransactWriteItems", self._answer)

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        assert isinstance(request.body, bytes)
        body = json.loads(request.body)
        rows = {json.dumps(next(iter(each.values()))["Key"]) for each in body["TransactItems"]}
        with self._lock:
            conflict = not self._busy.isdisjoint(rows)
            self.conflicts += conflict
            if not conflict:
                self._busy |= rows
        time.sleep(TRANSACTION_SECONDS)
        if conflict:
            answer = {
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "CancellationReasons": [{"Code": "TransactionConflict"}],
            }
            return aws_response(request.url, 400, "application/x-amz-json-1.0", json.dumps(answer).encode())
        with self._lock:
            self._busy -= rows
        return aws_response(request.url, 200, "application/x-amz-json-1.0", b"{}")


async def claims(resources: Resources, seconds: float) -> dict[str, Any]:
    """Claim turns of one tenant's users at a constant rate, and count conflicts and refusals."""
    table = ConflictingTable(resources.table.client)
    refused = 0

    async def claim(number: int) -> None:
        nonlocal refused
        context = RequestContext(Caller("busy", f"user {number}"), resources)
        try:
            claimed = TurnClaim(f"turn {number}", f"thread {number}", Amount(3_000, 1_000), context)
            await resources.table.transact(claimed.writes())
        except StoreUnavailableError:
            refused += 1

    count = int(seconds * TURNS_PER_SECOND)
    running = []
    for number in range(count):
        running.append(asyncio.create_task(claim(number)))
        await asyncio.sleep(1 / TURNS_PER_SECOND)
    await asyncio.gather(*running)
    table.close()
    return {"claims": count, "conflicts": table.conflicts, "503s": refused}


async def measured(action: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """Return the time and the peak of Python's memory of an action."""
    tracemalloc.start()
    began = time.monotonic()
    await action()
    seconds = time.monotonic() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {"seconds": seconds, "peak MB": peak / 1e6}


async def huge_messages(resources: Resources) -> dict[str, dict[str, float]]:
    """Open a thread of huge messages, as a turn does and by decoding all of them."""
    context, store, thread = request_of(resources, "ann"), thread_store(resources), new_thread()
    await store.save_thread(thread, context)
    for _ in range(MESSAGES):
        await store.add_thread_item(thread.id, said(thread.id, "a" * MESSAGE_BYTES), context)
    pk = context.caller.thread(thread.id).partition

    async def decode_all() -> None:
        rows, _ = await resources.table.query(pk, between=(keys.ITEM_PREFIX, keys.ITEM_END), limit=MESSAGES)
        await store.decode_items(rows)

    return {
        "within the budget": await measured(lambda: read_snapshot(thread.id, context)),
        "all messages": await measured(decode_all),
    }


async def measure(*, quick: bool) -> dict[str, Any]:
    """Run all three."""
    seconds = 1.0 if quick else 10.0
    limit = {"TENANT_QUOTA_TURNS_PER_MINUTE": str(TENANT_LIMIT)}
    results: dict[str, Any] = {"claims": {}}
    with tempfile.TemporaryDirectory() as folder, Emulator(Path(folder)) as emulator:

        def fresh(**environment: str) -> Resources:
            aws = make_table_and_bucket(emulator)
            return resources_on(aws, aws.table_name, aws.bucket_name, **environment)

        results["claims"]["shards"] = await claims(fresh(**limit), seconds)
        with patch.object(shards, "TURNS_PER_SHARD", TENANT_LIMIT + 1):
            results["claims"]["one row"] = await claims(fresh(**limit), seconds)
        results["sweep"] = await growth_sweep.measure(fresh(), quick=quick)
        results["memory"] = await huge_messages(fresh())
    return results


def show(results: dict[str, Any]) -> None:
    """Print the table."""
    for part, subjects in results.items():
        for name, figures in subjects.items():
            print(f"{part:8}{name:20}" + "  ".join(f"{key}: {value:,.5g}" for key, value in figures.items()))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a second of claims, a thousand pieces of work")
    results = asyncio.run(measure(quick=parser.parse_args().quick))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    show(results)


if __name__ == "__main__":
    main()
