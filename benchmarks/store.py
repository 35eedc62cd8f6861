"""Measure an operation's cost in DynamoDB, compared with the SDK's sample store and a simple DynamoDB store.

    python -m benchmarks.store [--quick]

Counted at botocore: round trips, serial hops, those before the model is called, and capacity units. The sample store
keeps all in memory, so for it only the calls count that a database would be asked. Prints a table and writes
bench-results/store.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from assistant.turns import lease
from benchmarks.store_meter import Cost
from benchmarks.store_peers import NaiveStore, SampleStore
from benchmarks.store_subjects import Ours, Peer
from local.emulator import Emulator
from tests.support.aws import make_table_and_bucket
from tests.support.conversations import new_thread, talk
from tests.support.store import resources_on

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench-results" / "store.json"
SHORT, LONG = 50, 10_000
QUICK_LONG = 1_000
# What a message and an answer usually have.
WORDS = "The quick brown fox jumps over the lazy dog. " * 6
MESSAGE = {"content": [{"type": "input_text", "text": "Hello there"}], "attachments": [], "inference_options": {}}
COLUMNS = ("calls", "hops", "before model", "writes", "RCU", "WCU")


async def measure(long: int) -> list[dict[str, Any]]:
    """Run all operations on all subjects, and return a row for each."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, Emulator(Path(folder)) as emulator:
        for name in ("ours", "sample", "naive"):
            aws = make_table_and_bucket(emulator)
            resources = resources_on(
                aws, aws.table_name, aws.bucket_name, AGENT_FACTORY="benchmarks.store_agent:build_agent"
            )
            subject: Ours | Peer
            if name == "ours":
                subject = Ours(resources)
            elif name == "sample":
                subject = Peer(name, SampleStore(), resources)
            else:
                subject = Peer(name, NaiveStore(resources.table.client, aws.table_name), resources)
            threads: dict[int, tuple[str, str]] = {}
            for count in (SHORT, long):
                thread = new_thread(title="A thread")
                items = talk(thread.id, [WORDS] * count)
                await subject.fill(thread, items)
                threads[count] = thread.id, items[count // 2].id
            # The first turn loads the SDKs; it is not counted.
            await subject.do("threads.create", {"input": MESSAGE})
            for label, operation, params in operations(threads):
                rows.append({"subject": name, "operation": label, **figures(await subject.do(operation, params))})
                print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return rows


def operations(threads: dict[int, tuple[str, str]]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return what is done: a label, the operation, its parameters. What reads comes before what writes.

    Args:
        threads: The threads by their number of items: the id, and that of an item in the middle.
    """
    reads, writes = [], []
    for count, (thread_id, middle) in threads.items():
        thread, of = {"thread_id": thread_id}, f"of {count:,} items"
        reads.append((f"threads.get_by_id {of}", "threads.get_by_id", thread))
        reads.append((f"items.list {of}", "items.list", thread))
        reads.append((f"items.list {of}, further on", "items.list", {**thread, "after": middle}))
        writes.append((f"turn in a thread {of}", "threads.add_user_message", {**thread, "input": MESSAGE}))
        writes.append((f"threads.update {of}", "threads.update", {**thread, "title": "A new title"}))
    listed: list[tuple[str, str, dict[str, Any]]] = [("threads.list", "threads.list", {})]
    return [*reads, *listed, ("turn in a new thread", "threads.create", {"input": MESSAGE}), *writes]


def figures(cost: Cost) -> dict[str, Any]:
    """Return a cost as the table shows it."""
    return {
        "calls": cost.round_trips,
        "hops": cost.hops,
        "before model": None if cost.before_model is None else cost.before_model[1],
        "writes": cost.writes,
        "RCU": cost.read_units,
        "WCU": cost.write_units,
        "operations": cost.operations,
    }


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table: a line for each operation and subject."""
    print(f"{'operation':42}{'store':8}" + "".join(f"{name:>14}" for name in COLUMNS))
    for operation in dict.fromkeys(row["operation"] for row in rows):
        for row in rows:
            if row["operation"] != operation:
                continue
            # A store in memory consumes no capacity, and knows no difference between its writes and its reads.
            blank = {"RCU", "WCU", "writes"} if row["subject"] == "sample" else set()
            values = ["" if name in blank or row[name] is None else f"{row[name]:g}" for name in COLUMNS]
            print(
                f"{operation if row['subject'] == 'ours' else '':42}{row['subject']:8}"
                + "".join(f"{v:>14}" for v in values)
            )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_LONG} items in the long thread")
    logging.disable(logging.INFO)
    long = QUICK_LONG if parser.parse_args().quick else LONG
    # Answers here take milliseconds on an idle machine; a busy one must not add checkpoints to the count.
    with (
        patch.object(lease, "CHECKPOINT_SECONDS", 3600),
        patch.object(lease, "FLAG_POLL_SECONDS", 3600),
    ):
        rows = asyncio.run(measure(long))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"long": long, "rows": rows}, indent=1) + "\n")
    show(rows)


if __name__ == "__main__":
    main()
