"""The Makefile, where it is started by somebody who has just got here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.settings import ROOT

# With their times, by which `make` tells whether the environment is up to date.
FILES = ("Makefile", "uv.lock", "pyproject.toml", "local/environments/uv.txt")


def _make(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("make")
    assert program is not None
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = [program, "--no-print-directory", *words]
    return subprocess.run(command, cwd=folder, env={**kept, **environment}, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.mark.parametrize("target", ["dev", "test", "lock", "build"])
def test_whoever_has_no_python_is_told_which_one_is_needed(checkout: Path, target: str) -> None:
    empty = checkout / "bin"
    empty.mkdir()
    done = _make(checkout, target, PATH=str(empty))
    assert done.returncode != 0
    assert done.stderr.startswith("Python 3.11 or newer is needed, and none is on the PATH.")
    assert not (checkout / ".venv").exists()


def test_a_folder_may_have_a_space_in_its_name(checkout: Path) -> None:
    shutil.rmtree(checkout / "local")
    for name in (".venv", "local"):
        (checkout / name).symlink_to(ROOT / name)
    done = _make(checkout, "--silent", "token", "USER=ann", STATE_DIR=str(checkout / "state"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".") == 2
