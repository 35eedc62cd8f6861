"""`make audit-deps`: look for known vulnerabilities in the locked requirements of the layer and of the tools.

pip-audit asks OSV's database, https://api.osv.dev, so the command needs the network. Without it, nothing is checked:
the command says so, and fails only in CI.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PIP_AUDIT = ROOT / ".envs" / "audit" / "bin" / "pip-audit"
DATABASE = "https://api.osv.dev/v1/query"
# The files of the layer and of the functions are what is deployed. The others run on the developer's machine and in CI.
FILES = [
    ROOT / "layers" / "agents" / "requirements.txt",
    *sorted((ROOT / "layers" / "agents").glob("*/requirements.txt")),
    *sorted((ROOT / "functions").glob("*/requirements.txt")),
    *sorted((ROOT / "local" / "environments").glob("*.txt")),
]
# Parts of pip-audit's messages if the database does not answer.
UNREACHABLE = ("ConnectionError", "Could not connect", "Timeout")


def audit(files: Sequence[Path], database: str) -> int:
    """Check the files and print the findings. Return 0, 1 for a vulnerability, or 2 if the check is impossible."""
    worst = 0
    for path in files:
        command: list[str | Path] = [
            PIP_AUDIT,
            "--disable-pip",
            "--require-hashes",
            "--progress-spinner",
            "off",
            "--strict",
        ]
        command += ["--vulnerability-service", "osv", "--osv-url", database, "--requirement", path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode and any(each in done.stderr for each in UNREACHABLE):
            print(f"Nothing was checked: {database} cannot be reached from here. Run `make audit-deps` with network.")
            return 2 if os.environ.get("CI") else 0
        print(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}: {_last_line(done.stderr)}")
        print(done.stdout, end="")
        worst = max(worst, done.returncode)
    return worst


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Look for known vulnerabilities in the locked requirements.")
    parser.add_argument("files", nargs="*", type=Path, default=FILES, help="the files with the requirements")
    parser.add_argument("--database", default=DATABASE, help="the URL of OSV's query")
    given = parser.parse_args()
    return audit(given.files, given.database)


if __name__ == "__main__":
    sys.exit(main())
