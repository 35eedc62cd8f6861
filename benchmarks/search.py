"""Search: words in a user's threads by their rows with words, beside reading all messages.

    python -m benchmarks.search [--quick]

Each thread has 20 messages of 40 words. A search for a word of the oldest thread reads the words of all threads, and a
search for a word of all threads ends with its first page. The alternative reads each message of each thread; it is
measured on some threads and scaled up. CPU is that of this process, without the local AWS.

Prints a table and writes bench-results/search.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.search import search
from assistant.search.rows import text_of
from assistant.threads import thread_store
from local.emulator import Emulator
from tests.support.aws import make_table_and_bucket
from tests.support.faults import failing
from tests.support.many_threads import words_bytes, write_threads
from tests.support.store import resources_on

RESULTS = Path(__file__).parents[1] / "bench-results" / "search.json"
THREADS, QUICK_THREADS = 2_000, 200
# Threads that the alternative reads. Its cost grows with their number.
READ_THREADS = 50
# The first search loads what the next ones have.
REPETITIONS = 3
CALLER = Caller("acme", "ann")
READ_UNIT_BYTES = 4_096
# us-east-1, on demand: $ for a million read units.
READ_UNIT_PRICE = 0.125 / 1_000_000


async def reading_all(resources: Resources, threads: list[str], word: str) -> int:
    """Return how many of these threads have a word, by reading all their messages."""
    context, store, found = RequestContext(CALLER, resources), thread_store(resources), 0
    for thread_id in threads:
        page = await store.load_thread_items(thread_id, None, 100, "desc", context)
        found += any(word in text_of(item) for item in page.data)
    return found


async def measured(resources: Resources, act: Callable[[], Awaitable[Any]]) -> dict[str, float]:
    """Return the median time and CPU of some repetitions, and the calls of one."""
    times, cpus, calls = [], [], 0
    for _ in range(REPETITIONS):
        with failing(resources.table.client, None) as seen:
            began, cpu = time.perf_counter(), time.process_time()
            await act()
            times.append(time.perf_counter() - began)
            cpus.append(time.process_time() - cpu)
        calls = len(seen.seen)
    return {"ms": statistics.median(times) * 1_000, "cpu_ms": statistics.median(cpus) * 1_000, "calls": calls}


async def measure(count: int) -> dict[str, Any]:
    """Run both on the same threads."""
    with tempfile.TemporaryDirectory() as folder, Emulator(Path(folder)) as emulator:
        aws = make_table_and_bucket(emulator)
        resources = resources_on(aws, aws.table_name, aws.bucket_name)
        threads = await write_threads(resources, CALLER, count)
        sizes = await words_bytes(resources, CALLER)

        async def look(query: str, hits: int) -> None:
            page = await search(query, RequestContext(CALLER, resources), limit=10)
            assert len(page.hits) == hits, (query, len(page.hits))

        rows = {
            "a word of the oldest thread": await measured(resources, lambda: look("thread0", 1)),
            "a word of all threads": await measured(resources, lambda: look("thread", 10)),
        }
        some = threads[:READ_THREADS]
        read = await measured(resources, lambda: reading_all(resources, some, "thread0 "))
        rows["reading all messages"] = {name: value * count / len(some) for name, value in read.items()}
    return {
        "threads": count,
        "rows": rows,
        "row_bytes": round(statistics.mean(sizes)),
        "dollars": sum(-(-size // READ_UNIT_BYTES) for size in [sum(sizes), 400 * count]) * READ_UNIT_PRICE,
    }


def main() -> None:
    """Print the table, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_THREADS} threads in place of {THREADS}")
    found = asyncio.run(measure(QUICK_THREADS if parser.parse_args().quick else THREADS))
    print(
        f"{found['threads']:,} threads, {found['row_bytes']:,} bytes of words each, {found['dollars']:.6f} $ a search"
    )
    for name, figures in found["rows"].items():
        print(f"{name:30}{figures['ms']:9.0f} ms {figures['cpu_ms']:8.0f} ms CPU {figures['calls']:7.0f} calls")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
