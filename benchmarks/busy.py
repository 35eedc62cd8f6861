"""Many turns at once in one process on one core: how late are the first event and the words?

    python -m benchmarks.busy [--quick]

All turns of a step start at the same moment. The model says a word each 100 ms. Each word is the time at which it is
due, so its client knows how late the word is. DynamoDB is a model that answers each call after 10 ms: the local AWS
needs more CPU for these calls than the process that is measured. Each step is compared with ten turns in the same run.
A last step has twice the threads for DynamoDB. On a machine with other work, run this with real-time priority:
`chrt -r 5 .venv/bin/python -m benchmarks.busy`.

Prints a table and writes bench-results/busy.json.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from chatkit.types import ChatKitReq
from pydantic import TypeAdapter

from assistant import turns
from assistant.agent import titles
from assistant.api.events import encoded_events
from assistant.context import RequestContext, Resources
from assistant.errors import StoreUnavailableError
from assistant.identity import Caller
from assistant.models.demo import DemoModel
from assistant.settings import Settings, load_settings
from benchmarks.answering_table import CALL_SECONDS, AnsweringTable
from benchmarks.turns_agent import MODEL
from benchmarks.turns_subjects import BODY
from local.emulator import CREDENTIALS, REGION
from tests.support.faults import aws_response

RESULTS = Path(__file__).parents[1] / "bench-results" / "busy.json"
BASE = 10
STEPS, QUICK_STEPS = (BASE, 50, 100, 150, 300, 500), (BASE, 150)
ROUNDS, QUICK_ROUNDS = 3, 1
WORDS, QUICK_WORDS = 40, 20
PACE_SECONDS = 0.1
_WORD = re.compile(rb'"delta":"([0-9.]+) "')
_TABLE = import_module("assistant.aws.table")
_REQUEST: TypeAdapter[Any] = TypeAdapter(ChatKitReq)


def answered(client: Any) -> None:
    """Let a table that is a model answer a client's calls, each after a fixed time."""
    table = AnsweringTable()

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        assert isinstance(request.body, bytes)
        time.sleep(CALL_SECONDS)
        target = request.headers["X-Amz-Target"]
        operation = (target if isinstance(target, str) else target.decode()).partition(".")[2]
        return aws_response(request.url, 200, "application/x-amz-json-1.0", table.answer(operation, request.body))

    client.meta.events.register_first("before-send.dynamodb", answer)


@dataclass
class Step:
    """What the turns of one step measured, in seconds, by round.

    Attributes:
        peak_mb: The process's most memory, up to the end of the step's first round.
        refused: Turns that did not start, because the claim waited too long for a thread.
    """

    first_events: list[list[float]] = field(default_factory=list)
    late: list[list[float]] = field(default_factory=list)
    queued: list[list[float]] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    refused: int = 0

    def figures(self) -> dict[str, float]:
        """Return the figures in ms: of each, the median of all rounds."""
        return {
            "first event": self._median(self.first_events, statistics.median),
            "slowest first event": self._median(self.first_events, max),
            "delay of a word": self._median(self.late, statistics.median),
            "99th percentile": self._median(self.late, lambda late: statistics.quantiles(late, n=100)[98]),
            "latest word": self._median(self.late, max),
            "longest wait for a thread": self._median(self.queued, max),
            "CPU of a turn": statistics.median(self.cpu) / len(self.first_events[0]) * 1e3,
        }

    def core(self) -> float:
        """Return the share of a core that the process used."""
        return sum(self.cpu) / sum(self.wall)

    @staticmethod
    def _median(rounds: list[list[float]], of: Callable[[list[float]], float]) -> float:
        return statistics.median(of(each) for each in rounds) * 1e3


async def run_step(settings: Settings, at_once: int, step: Step) -> None:
    """Run turns at once, as a process of their own would."""
    resources = Resources(settings)
    answered(resources.table.client)
    for each in (step.first_events, step.late, step.queued):
        each.append([])
    with _watched(step.queued[-1]):
        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*(_turn(resources, number, step) for number in range(at_once)))
        step.cpu.append(time.process_time() - cpu)
        step.wall.append(time.perf_counter() - wall)
    # The peak of the process so far: the steps of the first round grow.
    step.peak_mb = step.peak_mb or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _turn(resources: Resources, number: int, step: Step) -> None:
    """Run a turn of a user of its own."""
    loop = asyncio.get_running_loop()
    began, first = loop.time(), True
    context = RequestContext(Caller("bench", f"user {number}"), resources)
    request = _REQUEST.validate_json(BODY)
    try:
        turn = await turns.start(request, context, idempotency_key=os.urandom(8).hex(), frame_id=None)
    except StoreUnavailableError:
        # Its call has waited for a thread for too long.
        step.refused += 1
        return
    async for frame in encoded_events(turn, context):
        now = loop.time()
        if first:
            step.first_events[-1].append(now - began)
            first = False
        word = _WORD.search(frame)
        if word is not None:
            step.late[-1].append(now - float(word[1]))
    await turn.wait()
    assert turn.error is None


@contextlib.contextmanager
def _watched(queued: list[float]) -> Iterator[None]:
    """Measure how long each call of the table waits for a thread."""
    real = _TABLE.run_within

    async def run_within(seconds: float, threads: ThreadPoolExecutor, operation: Any) -> Any:
        asked = time.perf_counter()

        def call() -> Any:
            queued.append(time.perf_counter() - asked)
            return operation()

        return await real(seconds, threads, call)

    with patch.object(_TABLE, "run_within", run_within):
        yield


async def measure(*, quick: bool) -> dict[str, Step]:
    """Run all steps, turn about."""
    steps, rounds, MODEL.count = (QUICK_STEPS, QUICK_ROUNDS, QUICK_WORDS) if quick else (STEPS, ROUNDS, WORDS)
    MODEL.pause = PACE_SECONDS
    settings = load_settings()
    most = _TABLE.MAX_CONCURRENT_CALLS
    await run_step(settings, BASE, Step())
    found = {str(at_once): Step() for at_once in steps}
    more = found[f"{steps[-1]}, {most * 2} threads"] = Step()
    for _ in range(rounds):
        for at_once in steps:
            await run_step(settings, at_once, found[str(at_once)])
        with patch.object(_TABLE, "MAX_CONCURRENT_CALLS", most * 2):
            await run_step(settings, steps[-1], more)
    return found


def report(found: dict[str, Step]) -> list[dict[str, Any]]:
    """Return a row for each step, with its figures and their ratios to the first step."""
    base = found[str(BASE)].figures()
    rows = []
    for name, step in found.items():
        figures = step.figures()
        ratios = {title: round(value / base[title], 2) for title, value in figures.items()}
        shown = {title: round(value, 1) for title, value in figures.items()}
        rows.append(
            {
                "turns": name,
                "core": round(step.core(), 2),
                "peak MB": round(step.peak_mb),
                "refused": step.refused,
                "ms": shown,
                "ratios": ratios,
            }
        )
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table: milliseconds, and the ratio to the first step."""
    titles_ = list(rows[0]["ms"])
    print(f"{'turns at once':18}{'core':>6}{'peak MB':>9}{'refused':>9}" + "".join(f"{title:>28}" for title in titles_))
    for row in rows:
        cells = (f"{row['ms'][title]:.0f} ms (x {row['ratios'][title]:g})" for title in titles_)
        print(
            f"{row['turns']:18}{row['core']:6.0%}{row['peak MB']:>9}{row['refused']:>9}"
            + "".join(f"{cell:>28}" for cell in cells)
        )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two steps, for a look")
    quick = parser.parse_args().quick
    os.environ |= {
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        "TABLE_NAME": "bench",
        "BUCKET_NAME": "bench",
        "AUTH_MODE": "guest",
        "LLM_PROVIDER": "demo",
        "AGENT_FACTORY": "benchmarks.turns_agent:build_agent",
        "MAX_TURNS_PER_PROCESS": str(max(STEPS)),
    }
    os.environ.pop("AWS_LAMBDA_FUNCTION_NAME", None)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with (
        patch.object(titles, "build_model", lambda *given: DemoModel()),
        # The turns' log lines cost what they cost, and are not shown.
        open(os.devnull, "w") as lines,
        contextlib.redirect_stdout(lines),
    ):
        rows = report(asyncio.run(measure(quick=quick)))
    show(rows)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"python": sys.version.split()[0], "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
