"""Makes random runs: `python -m tests.faults.random_run --seed 5 --seconds 30`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from local.emulator import Emulator
from local.settings import ROOT


def main() -> int:
    """Make the runs of the command line; return 1 if one of them found something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--runs", type=int, default=1, help="how many seeds from this one on")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--users", type=int, default=2)
    parser.add_argument("--pages", type=int, default=2)
    parser.add_argument("--streams", type=int, default=2)
    parser.add_argument("--real-time", action="store_true", help="with the turns' own intervals")
    parser.add_argument("--harms", help="the kinds of harm that are done, comma-separated; all by default")
    arguments = parser.parse_args()
    sys.path[:0] = [str(ROOT / "layers" / "agents"), str(ROOT / "functions" / "stream")]
    from tests.faults.random_run.harms import USUAL
    from tests.faults.random_run.run import Plan, run
    from tests.support.aws import make_table_and_bucket

    wrong = 0
    with Emulator(Path(tempfile.mkdtemp(prefix="random-run-"))) as emulator:
        for seed in range(arguments.seed, arguments.seed + arguments.runs):
            plan = Plan(
                seed,
                arguments.seconds,
                users=arguments.users,
                pages=arguments.pages,
                streams=arguments.streams,
                quick=not arguments.real_time,
                harms=tuple(USUAL) if arguments.harms is None else tuple(filter(None, arguments.harms.split(","))),
            )
            folder = Path(tempfile.mkdtemp(prefix=f"random-run-{seed}-"))
            report = asyncio.run(run(plan, make_table_and_bucket(emulator), folder))
            print(report, flush=True)
            wrong += bool(report.violations)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
