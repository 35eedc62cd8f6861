"""Many turns at once in one served process on one core, over HTTP: how late are the words, and what breaks first?

    python -m benchmarks.served [--quick]

Three subjects: our app on uvicorn, as in a container; the same app on the streaming runtime with
`AWS_LAMBDA_MAX_CONCURRENCY`, as on Managed Instances; and a stock server on uvicorn. Each step is a new process with so
many turns at once: as one ends, the next begins. The turns are spread over the time of an answer, and words count only
once all of them run. The provider says a word each 100 ms, and each word is the time at which it was sent, so its
client knows how late it comes. Provider, table and clients are asyncio protocols in this process, on another core. The
table answers each call after 10 ms. `benchmarks/busy.py` starts all turns at the same moment instead.

The subjects take turns. On a machine with other work, run this with real-time priority:
`chrt -r 5 .venv/bin/python -m benchmarks.served`. Prints a table and writes bench-results/served.json.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.answering_table import AnsweringTable
from benchmarks.served_clients import Served, Turn
from benchmarks.served_subjects import SUBJECTS
from benchmarks.served_world import PACE_SECONDS, Provider, Table, listen
from local.emulator import CREDENTIALS, REGION
from local.settings import ROOT

RESULTS = ROOT / "bench-results" / "served.json"
STEPS, QUICK_STEPS = (10, 50, 100, 150, 200, 300, 500), (10, 50)
# An answer of six seconds, as in `make cost`.
WORDS, QUICK_WORDS = 60, 20
# What the project holds itself to: so many turns at once with 99 of 100 words before the next word is due.
MUST = 150


@dataclass
class Step:
    """What a step measured, from when all its turns ran.

    Attributes:
        late: Of each word, in seconds.
        firsts: Of each turn that began meanwhile, the seconds to its first event.
        failed: Turns that were refused or ended with an error.
        core: The share of a core that the process used.
        peak_mb: Its most memory.
    """

    late: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    failed: int = 0
    core: float = 0.0
    peak_mb: float = 0.0

    def take(self, turn: Turn, since: float) -> None:
        """Add a turn's measures from that moment on."""
        self.failed += turn.failed
        self.late += [late for came, late in turn.words if came >= since]
        if turn.sent >= since and turn.first is not None:
            self.firsts.append(turn.first - turn.sent)

    def row(self, subject: str, at_once: int) -> dict[str, Any]:
        """Return the step's row: times in ms."""
        late = statistics.quantiles(self.late, n=100) if len(self.late) > 1 else [0.0] * 99
        return {
            "subject": subject,
            "turns": at_once,
            "word late, median": round(late[49] * 1e3, 1),
            "word late, 99th percentile": round(late[98] * 1e3, 1),
            "word late, most": round(max(self.late, default=0.0) * 1e3, 1),
            "first event, median": round(statistics.median(self.firsts or [0.0]) * 1e3, 1),
            "failed": self.failed,
            "core": round(self.core, 2),
            "peak MB": round(self.peak_mb),
            "words": len(self.late),
        }


async def run_step(served: Served, at_once: int, words: int) -> Step:
    """Run so many turns at once, and measure once all of them run."""
    loop = asyncio.get_running_loop()
    answer = words * PACE_SECONDS
    since = loop.time() + answer
    step = Step()
    running: set[Turn] = set()

    async def place(number: int) -> None:
        await asyncio.sleep(number / at_once * answer)
        while True:
            turn = Turn(loop.time())
            running.add(turn)
            await served.run(turn)
            running.discard(turn)
            step.take(turn, since)
            if turn.failed:
                # A client would wait, too.
                await asyncio.sleep(1)

    places = [asyncio.create_task(place(number)) for number in range(at_once)]
    await asyncio.sleep(answer)
    cpu, began = served.cpu(), loop.time()
    await asyncio.sleep(answer)
    step.core = (served.cpu() - cpu) / (loop.time() - began)
    step.peak_mb = served.peak_mb()
    for each in places:
        each.cancel()
    for failed in await asyncio.gather(*places, return_exceptions=True):
        if not isinstance(failed, asyncio.CancelledError):
            raise AssertionError from failed
    for turn in running:
        step.take(turn, since)
    return step


async def measure(steps: tuple[int, ...], words: int) -> list[dict[str, Any]]:
    """Run all steps, turn about."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[1:]) or set(cores))
    rows = []
    for at_once in steps:
        for name, start in SUBJECTS.items():
            variables = {
                **CREDENTIALS,
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT / 'layers' / 'agents'}:{ROOT}",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{await listen(partial(Table, AnsweringTable()))}",
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "TABLE_NAME": "bench",
                "BUCKET_NAME": "bench",
                "AUTH_MODE": "guest",
                "LLM_PROVIDER": "openai",
                "OPENAI_API_KEY": "sk-bench",
                "OPENAI_BASE_URL": f"http://127.0.0.1:{await listen(partial(Provider, words))}/v1",
                "OPENAI_DEFAULT_MODEL": "gpt-6-luna",
                "THREAD_TITLES": "false",
                "PRELOAD": "init",
                "AGENT_FACTORY": "benchmarks.cold_agent:build_agent",
                # A turn that its client has read still stores its end while the next one begins.
                "MAX_TURNS_PER_PROCESS": str(at_once * 2),
            }
            async with start(at_once, cores[0], variables) as served:
                with contextlib.suppress(AssertionError):
                    # What is loaded or connected with the first turn is no matter of many.
                    await served.run(Turn(0.0))
                step = await run_step(served, at_once, words)
            rows.append(step.row(name, at_once))
            print(show(rows[-1]), flush=True)
    return rows


def show(row: dict[str, Any]) -> str:
    """Return a row's line."""
    return (
        f"{row['subject']:18}{row['turns']:>6}{row['word late, median']:>12.0f}"
        f"{row['word late, 99th percentile']:>12.0f}{row['word late, most']:>12.0f}{row['first event, median']:>14.0f}"
        f"{row['failed']:>8}{row['core']:>7.0%}{row['peak MB']:>9}"
    )


def most(rows: list[dict[str, Any]], subject: str) -> int:
    """Return the largest step of a subject up to which all words were on time and no turn failed."""
    found = 0
    for row in rows:
        if row["subject"] == subject:
            if row["failed"] or row["word late, 99th percentile"] > PACE_SECONDS * 1e3:
                break
            found = row["turns"]
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two small steps, for a look")
    quick = parser.parse_args().quick
    print(
        f"{'':18}{'turns':>6}{'late, ms':>12}{'99th':>12}{'most':>12}{'first event':>14}"
        f"{'failed':>8}{'core':>7}{'MB':>9}"
    )
    rows = asyncio.run(measure(QUICK_STEPS, QUICK_WORDS) if quick else measure(STEPS, WORDS))
    for subject in SUBJECTS:
        found = most(rows, subject)
        short = "" if quick or "stock" in subject or found >= MUST else f"  falls short of {MUST}"
        print(f"{subject}: {found} turns at once with 99 of 100 words before the next is due{short}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"python": sys.version.split()[0], "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
