"""Measure cold starts on the built artifact, beside a stock ChatKit server and a floor of the standard library alone.

    python -m benchmarks.cold [--quick] [--build FOLDER]

Each start is a new process that the driver invokes as Lambda does. The stock server is the SDKs' own, with everything
imported at the top (benchmarks/cold_stock.py); it runs on the same layer, the same streaming runtime, the same
provider and the same local AWS. The subjects take turns, so that a busy machine is busy for all of them.

- CPU: of the process, with files in the page cache. It is what a start costs, whatever else the machine does.
- Wall time under a CPU quota, as Lambda gives one by the memory setting. Like Lambda's, the quota begins after the
  initialisation. This needs root for a control group; without root these rows are left out.
- Wall time with cold files: the pages of the layer and of the function are dropped before each start.

Prints a table and writes bench-results/cold.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import artifact
from benchmarks.cold_process import FIRST_DELTA, FIRST_EVENT, Answer, Cold, environment_of
from benchmarks.cold_provider import provider
from benchmarks.cold_quota import Quota, QuotaError
from local.emulator import Emulator
from local.settings import ROOT
from tests.support.aws import Aws, make_table_and_bucket
from tests.support.build import MACHINE, RUNTIME_PYTHON, SHIPPED_PYTHON, Built, build
from tests.support.events import event

RESULTS = ROOT / "bench-results" / "cold.json"
# What a stock server runs from, and the driver's small bootstrap: copied, so that the layer stays the artifact's.
COPIED = ("cold_agent", "cold_bootstrap", "cold_floor", "cold_stock", "store_peers")
# The second is ours with PRELOAD=init, which changes the function that streams.
SUBJECTS = ("ours", "preloaded", "stock", "floor")
OURS = SUBJECTS[:2]
MARKS = {"first event": FIRST_EVENT, "first delta": FIRST_DELTA}
# The share of a core that Lambda gives: memory / 1,769 MB.
SHARES = {"512 MB": 0.29, "1 GB": 0.58}
WARM_TURNS = 5
# What the project holds itself to: ours / stock. Time is CPU with warm files.
MUST = {
    "first event, CPU ms": 0.33,
    "first delta, CPU ms": 0.56,
    "threads.list, CPU ms": 0.33,
    "memory after a turn, MB": 0.70,
    "warm turn of 200 deltas, CPU ms": 0.68,
}


@dataclass
class Bench:
    """What all starts share.

    Attributes:
        python: The interpreter that the artifact is built for.
        built: The artifact.
        apps: The folder of the copied modules, compiled.
        aws: A table and a bucket for each subject.
        model: The provider's base URL.
        values: By row and subject, a value for each round.
    """

    python: str
    built: Built
    apps: Path
    aws: dict[str, Aws]
    model: str
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def start(self, subject: str, function: str, quota: Quota | None = None) -> Cold:
        """Start a subject's process for a function."""
        folder = self.built.function(function) if subject in OURS else self.apps
        app = "app:app" if subject in OURS else "benchmarks.cold_stock:app"
        environment = environment_of(
            folder,
            [self.apps, self.built.layer / "python"],
            **self.aws[subject].environment(
                LLM_PROVIDER="openai",
                OPENAI_API_KEY="sk-bench",
                OPENAI_BASE_URL=self.model,
                OPENAI_DEFAULT_MODEL="gpt-6-luna",
                THREAD_TITLES="false",
                AGENT_FACTORY="benchmarks.cold_agent:build_agent",
                LAMBDA_STREAM_APP=app,
                PRELOAD="init" if subject == "preloaded" else "turn",
            ),
        )
        stream = self.built.function("stream")
        command = [str(stream / "stream-runtime"), self.python, "/var/runtime/bootstrap.py"]
        if subject == "floor":
            command = [self.python, "-m", "benchmarks.cold_floor"]
        elif function != "stream":
            handler = "app" if subject in OURS else "benchmarks.cold_stock"
            command = [self.python, "-m", "benchmarks.cold_bootstrap", handler]
        elif subject == "stock":
            # The runtime is the function's own; the app comes from the path.
            environment["LAMBDA_TASK_ROOT"] = str(stream)
        return Cold(command, environment, quota)

    def note(self, row: str, subject: str, value: float) -> None:
        """Add a value."""
        self.values.setdefault(row, {}).setdefault(subject, []).append(value)

    def drop_pages(self) -> None:
        """Take the artifact's files out of the page cache."""
        for folder in (self.built.folder, self.apps):
            for path in folder.rglob("*"):
                if path.is_file():
                    descriptor = os.open(path, os.O_RDONLY)
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                    os.close(descriptor)


def message() -> bytes:
    """Return the event of a message in a new thread."""
    return json.dumps(event("stream/threads.create")).encode()


def measure_cpu(bench: Bench, rounds: int) -> None:
    """Measure the CPU of starts and of warm turns, and the memory."""
    for _ in range(rounds):
        with ExitStack() as running:
            processes: dict[str, Cold] = {}
            for subject in SUBJECTS:
                process = processes[subject] = running.enter_context(bench.start(subject, "stream"))
                bench.note("process start to ready, CPU ms", subject, process.ready.cpu * 1e3)
                answer = process.invoke(message(), MARKS)
                for name in MARKS:
                    bench.note(f"{name}, CPU ms", subject, answer.moments[name].cpu * 1e3)
                bench.note("memory after a turn, MB", subject, process.resident_mb())
            # A machine's speed changes within a second, so the subjects take turns here too.
            turns: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
            for _ in range(WARM_TURNS):
                for subject, process in processes.items():
                    before = process.now().cpu
                    turns[subject].append(process.invoke(message(), MARKS).moments["end"].cpu - before)
            for subject, taken in turns.items():
                bench.note("warm turn of 200 deltas, CPU ms", subject, statistics.median(taken) * 1e3)
        for subject in SUBJECTS:
            with bench.start(subject, "chat") as process:
                answered = _ok(process.invoke(json.dumps(event("chat/threads.list")).encode()))
                bench.note("threads.list, CPU ms", subject, answered.moments["end"].cpu * 1e3)
            with bench.start(subject, "upload") as process:
                answered = _ok(process.invoke(json.dumps(event("upload/upload")).encode()))
                bench.note("upload's answer, CPU ms", subject, answered.moments["end"].cpu * 1e3)


def measure_wall(bench: Bench, rounds: int, label: str, quota: Quota, before: Callable[[], None]) -> None:
    """Measure the time of starts under a quota."""
    for _ in range(rounds):
        for subject in SUBJECTS:
            before()
            with bench.start(subject, "stream", quota) as process:
                answer = process.invoke(message(), MARKS)
                for name in MARKS:
                    bench.note(f"{name}, {label}, ms", subject, answer.moments[name].wall * 1e3)
            before()
            with bench.start(subject, "chat", quota) as process:
                answered = _ok(process.invoke(json.dumps(event("chat/threads.list")).encode()))
                bench.note(f"threads.list, {label}, ms", subject, answered.moments["end"].wall * 1e3)


def _ok(answer: Answer) -> Answer:
    """Return an answer that is no error."""
    if b'"statusCode": 4' in answer.body or b'"statusCode": 5' in answer.body:
        raise AssertionError(answer.body)
    return answer


def report(values: dict[str, dict[str, list[float]]]) -> list[dict[str, Any]]:
    """Return the rows: medians, their ratio to stock, and what it must be."""
    rows = []
    for name, subjects in values.items():
        medians = {subject: statistics.median(given) for subject, given in subjects.items()}
        # Of one round each: a machine that is busy for a while is so for all subjects of that round.
        ratio = statistics.median(a / b for a, b in zip(subjects["ours"], subjects["stock"], strict=True))
        row: dict[str, Any] = {"what": name, **{each: round(value, 1) for each, value in medians.items()}}
        rows.append(row | {"ours / stock": round(ratio, 3), "must": MUST.get(name)})
    return rows


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print the rows, and say which fall short."""
    print(f"{'':44}" + "".join(f"{name:>11}" for name in SUBJECTS) + f"{'ours / stock':>15}{'must':>7}")
    for row in rows:
        cells = "".join(f"{row[name]:>11.1f}" for name in SUBJECTS)
        must = "" if row["must"] is None else f"{row['must']:g}"
        short = "  falls short" if row["must"] is not None and row["ours / stock"] > row["must"] else ""
        print(f"{row['what']:44}{cells}{row['ours / stock']:>15.2f}{must:>7}{short}")


@contextmanager
def _apps(python: str) -> Iterator[Path]:
    """Copy the modules of the other subjects into a folder, compiled as the layer is."""
    with tempfile.TemporaryDirectory() as name:
        package = Path(name) / "benchmarks"
        package.mkdir()
        (package / "__init__.py").touch()
        for module in COPIED:
            shutil.copy(ROOT / "benchmarks" / f"{module}.py", package)
        artifact.compile_bytecode(package, python)
        yield Path(name)


def _bare_python(python: str, folder: Path) -> str:
    """Return the same Python without the packages of this machine, which its start might import."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder / "python"], check=True)
    return str(folder / "python" / "bin" / "python")


def machine() -> str:
    """Name the machine."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = models[0].partition(":")[2].strip() if models else platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, without the rows of wall time")
    parser.add_argument(
        "--build", type=Path, help="an artifact of `make build` for this machine, in place of a new one"
    )
    arguments = parser.parse_args()
    interpreter = artifact.find_python(SHIPPED_PYTHON)
    version = SHIPPED_PYTHON if interpreter else f"{sys.version_info.major}.{sys.version_info.minor}"
    built = Built(arguments.build, MACHINE, version) if arguments.build else build(MACHINE, version)
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(Path(folder)) as emulator,
        provider() as model,
        _apps(version) as apps,
    ):
        python = _bare_python(interpreter or str(RUNTIME_PYTHON.resolve()), Path(folder))
        aws = {subject: make_table_and_bucket(emulator) for subject in SUBJECTS}
        bench = Bench(python, built, apps, aws, model)
        measure_cpu(bench, 1)
        # The first round has filled the page cache.
        bench.values.clear()
        measure_cpu(bench, 3 if arguments.quick else 9)
        if not arguments.quick:
            _measure_walls(bench)
    rows = report(bench.values)
    print_table(rows)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"python": version, "machine": machine(), "rows": rows}, indent=1) + "\n")


def _measure_walls(bench: Bench) -> None:
    for memory, share in SHARES.items():
        try:
            quota = Quota(share)
        except QuotaError as error:
            print(f"The rows under a quota are left out: {error}", file=sys.stderr)
            return
        measure_wall(bench, 5, f"{share} of a core ({memory})", quota, lambda: None)
        measure_wall(bench, 3, f"{share}, cold files", quota, bench.drop_pages)
        quota.close()


if __name__ == "__main__":
    main()
