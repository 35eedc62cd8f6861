"""The Makefile in a fresh checkout."""

from __future__ import annotations

import os
import re
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
def test_without_python_the_error_names_the_needed_version(checkout: Path, target: str) -> None:
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


@pytest.mark.parametrize(
    ("target", "words", "told"),
    [
        ("show", [], "make show: TURN=…: it has to be given"),
        ("export", ["TENANT=acme"], "make export: USER=…: it has to be given"),
        ("import", ["TENANT=acme", "USER=ann"], "make import: FILE=…: it has to be given"),
        ("erase", ["USER=ann"], "make erase: TENANT=…: it has to be given"),
        ("smoke", ["STREAM_URL=here", "URL=there"], "make smoke: URL=…: it is an address"),
        ("cost", ["TURNS=none"], "make cost: TURNS=…: it is a number above 0"),
    ],
)
def test_a_missing_argument_of_a_target_is_named(checkout: Path, target: str, words: list[str], told: str) -> None:
    shutil.rmtree(checkout / "local")
    for name in (".venv", "local", "scripts"):
        (checkout / name).symlink_to(ROOT / name)
    done = _make(checkout, target, *words)
    assert done.returncode == 2
    assert done.stderr.startswith(told)


def test_each_option_is_named_as_its_variable_is() -> None:
    handed_over = re.findall(r'--([a-z-]+)(?:,| "\$\()([A-Z_]+)\)', (ROOT / "Makefile").read_text())
    assert len(handed_over) > 15
    for option, variable in handed_over:
        assert variable == option.upper().replace("-", "_")
