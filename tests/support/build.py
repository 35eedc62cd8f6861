"""The artifacts of the layer and the functions, built by their makefiles and cached by their sources."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.settings import ROOT

CACHE = ROOT / ".build" / "tests"
# Builds that are kept: a few, so that going back and forth between two states of the code costs nothing.
KEPT_BUILDS = 4
RUNTIME_PYTHON = ROOT / ".envs" / "runtime" / "bin" / "python"
SHIPPED_PYTHON = "3.13"
MACHINE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]


@dataclass(frozen=True)
class Built:
    """One build.

    Attributes:
        folder: Where it is; not to be changed.
        architecture: `arm64` or `x86_64`.
        python: The version that it is for, such as `3.13`.
    """

    folder: Path
    architecture: str
    python: str

    @property
    def layer(self) -> Path:
        """What Lambda mounts at /opt."""
        return self.folder / "layer"

    def function(self, name: str) -> Path:
        """What Lambda mounts at /var/task."""
        return self.folder / "functions" / name


def _sources() -> Iterator[Path]:
    for name in ("layers/agents", "functions"):
        for path in sorted((ROOT / name).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _fingerprint(*more: str) -> str:
    digest = hashlib.sha256("\0".join(more).encode())
    for path in _sources():
        digest.update(f"\0{path.relative_to(ROOT)}\0{path.stat().st_mode:o}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def make_build(folder: Path, architecture: str, python: str, root: Path = ROOT) -> Built:
    """Build the checkout at `root` into a folder, as `make build` does."""
    command = ["make", "--silent", "build", f"ARCH={architecture}", f"PYTHON={python}", f"BUILD_DIR={folder}"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Built(folder, architecture, python)


def build(architecture: str, python: str) -> Built:
    """Return a build of the code as it is, made at most once whatever number of processes ask for it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"{architecture}-{python}-{_fingerprint(architecture, python)}"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft = folder.with_suffix(".draft")
            make_build(draft, architecture, python)
            draft.rename(folder)
        os.utime(folder)
        others = sorted((path for path in CACHE.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
        for path in others[:-KEPT_BUILDS]:
            shutil.rmtree(path)
    return Built(folder, architecture, python)


def _version(python: Path) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def built() -> Built:
    """A build for this machine's architecture and Python, which can run here."""
    return build(MACHINE, _version(RUNTIME_PYTHON))


@pytest.fixture(scope="session")
def shipped() -> Built:
    """The build that is deployed by default: arm64, Python 3.13."""
    return build("arm64", SHIPPED_PYTHON)
