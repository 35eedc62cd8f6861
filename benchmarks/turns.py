"""Measure the cost of durable turns: our turns on a table, compared with the SDK's server on a store in memory.

    python -m benchmarks.turns [--quick]

One run, one model without a network, one agent; the two take turns, so that a busy machine is busy for both. Both
encode their events as they go over the wire. The table is the local AWS, a process of its own: its CPU is not counted,
its latency is, and stands beside the results as the time of one round trip. Prints a table and writes
bench-results/turns.json.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from assistant.agent import titles
from assistant.aws import keys
from assistant.context import Resources
from assistant.models.demo import DemoModel
from assistant.settings import load_settings
from benchmarks.turns_agent import MODEL
from benchmarks.turns_subjects import Bare, Surviving
from local import stack
from local.emulator import CREDENTIALS, REGION, Emulator

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench-results" / "turns.json"
# How long an answer is for which the writes are counted.
LONG_ANSWER_SECONDS = 30.0
# Turns that run at once while the memory is looked at: enough to tell a turn's share from what comes and goes.
AT_ONCE = 50
AT_ONCE_WORDS = 40
AT_ONCE_PAUSE = 0.05


@dataclass
class Measured:
    """What one subject cost: a value for each turn."""

    first_event_ms: list[float] = field(default_factory=list)
    fixed_cpu_ms: list[float] = field(default_factory=list)
    delta_cpu_us: list[float] = field(default_factory=list)


async def one_turn(subject: Bare | Surviving, words: int) -> tuple[float, float]:
    """Run a turn and return the seconds to its first event, and the seconds of CPU that it took."""
    MODEL.count, MODEL.pause = words, 0.0
    cpu, began = time.process_time(), time.perf_counter()
    first = 0.0
    async with contextlib.aclosing(subject.stream()) as frames:
        async for _ in frames:
            first = first or time.perf_counter() - began
    return first, time.process_time() - cpu


async def measure(resources: Resources, rounds: int, words: int) -> dict[str, Any]:
    """Run both, turn about."""
    subjects: dict[str, Bare | Surviving] = {"bare": Bare(), "surviving": Surviving(resources)}
    measured = {name: Measured() for name in subjects}
    for subject in subjects.values():
        await one_turn(subject, 10)
    for _ in range(rounds):
        for name, subject in subjects.items():
            first, empty = await one_turn(subject, 1)
            _, full = await one_turn(subject, words + 1)
            measured[name].first_event_ms.append(first * 1e3)
            measured[name].fixed_cpu_ms.append(empty * 1e3)
            measured[name].delta_cpu_us.append((full - empty) / words * 1e6)
    surviving = cast(Surviving, subjects["surviving"])
    surviving.operations.clear()
    await one_turn(surviving, 10)
    short = (surviving.writes, surviving.reads)
    return {"measured": measured, "short": short, "round_trip_ms": await _round_trip(resources)}


async def long_answer(resources: Resources, seconds: float) -> tuple[int, int]:
    """Run a turn of that length and return its writes and its reads."""
    surviving = Surviving(resources)
    words = int(seconds * 10)
    MODEL.count, MODEL.pause = words, seconds / words
    async with contextlib.aclosing(surviving.stream()) as frames:
        async for _ in frames:
            pass
    return surviving.writes, surviving.reads


async def memory(resources: Resources) -> tuple[float, float]:
    """Return the MB that the process takes, and those that each turn that runs adds."""
    surviving = Surviving(resources)

    async def run() -> None:
        async with contextlib.aclosing(surviving.stream()) as frames:
            async for _ in frames:
                pass

    MODEL.count, MODEL.pause = AT_ONCE_WORDS, AT_ONCE_PAUSE
    alone = most = _resident_mb()
    running = asyncio.gather(*(run() for _ in range(AT_ONCE)))
    while not running.done():
        most = max(most, _resident_mb())
        await asyncio.sleep(AT_ONCE_PAUSE)
    await running
    return alone, (most - alone) / AT_ONCE


def _resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


async def _round_trip(resources: Resources) -> float:
    times = []
    for _ in range(20):
        began = time.perf_counter()
        await resources.table.get(keys.Key("bench", "bench"))
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


def report(
    found: dict[str, Any], long: tuple[int, int], seconds: float, memory_mb: tuple[float, float]
) -> list[dict[str, Any]]:
    """Return the table's rows: what it is, both values, and their ratio."""
    measured: dict[str, Measured] = found["measured"]
    rows: list[dict[str, Any]] = []
    for title, name in (
        ("time to the first event, ms", "first_event_ms"),
        ("CPU of a turn of one delta, ms", "fixed_cpu_ms"),
        ("CPU of a delta, µs", "delta_cpu_us"),
    ):
        bare, ours = (statistics.median(getattr(measured[subject], name)) for subject in ("bare", "surviving"))
        rows.append(
            {"what": title, "bare": round(bare, 2), "surviving": round(ours, 2), "ratio": round(ours / bare, 2)}
        )
    for title, (writes, reads) in (("a short answer", found["short"]), (f"an answer of {seconds:g} s", long)):
        rows.append({"what": f"writes of {title}", "bare": 0, "surviving": writes, "ratio": None})
        rows.append({"what": f"reads of {title}", "bare": 0, "surviving": reads, "ratio": None})
    for title, value in (
        ("one round trip here, ms", found["round_trip_ms"]),
        ("memory of the process, MB", memory_mb[0]),
        ("memory of a turn that runs, MB", memory_mb[1]),
    ):
        rows.append({"what": title, "bare": None, "surviving": round(value, 2), "ratio": None})
    return rows


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print the rows."""
    print(f"{'':36}{'bare':>10}{'surviving':>12}{'ratio':>8}")
    for row in rows:
        cells = ["" if row[name] is None else f"{row[name]:g}" for name in ("bare", "surviving", "ratio")]
        print(f"{row['what']:36}{cells[0]:>10}{cells[1]:>12}{cells[2]:>8}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, for a look")
    quick = parser.parse_args().quick
    rounds, words, seconds = (3, 200, 6.0) if quick else (15, 1000, LONG_ANSWER_SECONDS)
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(Path(folder)) as emulator,
        patch.object(titles, "build_model", lambda *given: DemoModel()),
    ):
        made = stack.deploy(emulator.endpoint_url, "bench", ["http://127.0.0.1"])
        os.environ |= {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": emulator.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "TABLE_NAME": made.table_name,
            "BUCKET_NAME": made.bucket_name,
            "AUTH_MODE": "guest",
            "LLM_PROVIDER": "demo",
            "AGENT_FACTORY": "benchmarks.turns_agent:build_agent",
        }
        os.environ.pop("AWS_LAMBDA_FUNCTION_NAME", None)

        async def run() -> list[dict[str, Any]]:
            resources = Resources(load_settings())
            found = await measure(resources, rounds, words)
            long = await long_answer(Resources(load_settings()), seconds)
            return report(found, long, seconds, await memory(Resources(load_settings())))

        # The turns' log lines cost what they cost, and are not shown.
        with open(os.devnull, "w") as lines, contextlib.redirect_stdout(lines):
            rows = asyncio.run(run())
    print_table(rows)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"python": sys.version.split()[0], "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
