"""The tests that come with the installed openai-chatkit, fetched from its source archive.

The archive on PyPI holds the tests without `helpers/` and `_types.py`, which `supplied/` has. Which archive it is,
and its hash, is what `uv.lock` says.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "openai-chatkit"
DOWNLOAD_SECONDS = 300


def sdk_tests(cache: Path) -> Path:
    """Return a folder that holds the SDK's `tests/` and nothing else of it; download it on first use.

    Args:
        cache: A folder that outlives the test run.
    """
    version, digest = _locked()
    folder = cache / f"{PACKAGE}-{version}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            made = _unpack(_download(version, digest, Path(scratch)), Path(scratch) / "unpacked")
            try:
                made.rename(folder)
            except OSError:
                # Another test process was faster.
                if not folder.exists():
                    raise
    return folder


def _locked() -> tuple[str, str]:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    [package] = [each for each in lock["package"] if each["name"] == PACKAGE]
    return package["version"], package["sdist"]["hash"]


def _download(version: str, digest: str, folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE}=={version} --hash={digest}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", PACKAGE]
    command += ["--require-hashes", "--requirement", str(requirements), "--dest", str(folder)]
    subprocess.run(command, check=True, timeout=DOWNLOAD_SECONDS)
    [archive] = folder.glob("*.tar.gz")
    return archive


def _unpack(archive: Path, into: Path) -> Path:
    with tarfile.open(archive) as tar:
        members = [each for each in tar.getmembers() if each.isfile() and Path(each.name).parts[1] == "tests"]
        tar.extractall(into, members, filter="data")
    [top] = into.iterdir()
    return top
