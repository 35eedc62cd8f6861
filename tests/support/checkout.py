"""A whole copy of the checkout, which a test may change, and in which `make` and pytest run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from local.settings import ROOT

# Of this machine, not of the checkout.
_LEFT_OUT = (
    ".git",
    ".venv",
    ".envs",
    ".build",
    ".local",
    ".env",
    "node_modules",
    "__pycache__",
    ".pytest_cache",
    ".*_cache",
)
_LINKED = (".venv", ".envs")


def copy_checkout(folder: Path) -> Path:
    """Copy the checkout, with its environments as links, and return the folder."""
    shutil.copytree(ROOT, folder, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT, "bench-results"))
    for name in _LINKED:
        (folder / name).symlink_to((ROOT / name).resolve())
    return folder


def run_in(root: Path, *command: str, **environment: str) -> str:
    """Run a command in a copy, and return what it prints. An exit code other than 0 fails the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "PYTEST_"))}
    done = subprocess.run(
        command,
        cwd=root,
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    return done.stdout
