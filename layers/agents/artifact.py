"""Finishes the layer's folder after its packages are installed: prunes, compiles, and makes its bytes repeatable.

Run by this folder's Makefile, on any Python 3.11+, whatever the version and architecture the layer is for:

    python artifact.py FOLDER --python 3.13
"""

from __future__ import annotations

import argparse
import glob
import os
import shutil
import subprocess
import sys
from pathlib import Path

# The services whose descriptions stay in botocore: the ones that the functions call, and what signing in to them
# takes. The other four hundred are 25 MB.
SERVICES = {"dynamodb", "s3", "secretsmanager", "ssm", "sso", "sso-oidc", "sts"}
# Folders by these names hold a package's own tests. `agents.testing` and others that are public stay.
TEST_FOLDERS = {"tests", "_tests"}
# RECORD lists files that are gone by now; the rest says how, not what, was installed.
INSTALLER_NOTES = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
# Zip files begin with 1980, so this is the earliest time that an archive of the folder can keep (UTC seconds).
MODIFIED = 315_532_800
# Where Lambda unpacks a layer: what tracebacks show as the path.
MOUNT = "/opt"


def prune(folder: Path) -> None:
    """Remove what no import reads: tests, console scripts, other services' descriptions, the installer's notes."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and (path.name in TEST_FOLDERS or path.name == "__pycache__"):
            shutil.rmtree(path)
        elif path.parent.suffix == ".dist-info" and path.name in INSTALLER_NOTES:
            path.unlink()
    for path in (folder / "botocore" / "data").iterdir():
        if path.is_dir() and path.name not in SERVICES:
            shutil.rmtree(path)


def find_python(version: str) -> str | None:
    """Return a Python of that version that runs, or None: a pyenv shim, for one, may stand for nothing."""
    home = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    candidates = [sys.executable, shutil.which(f"python{version}")]
    candidates += sorted(glob.glob(f"{home}/versions/{version}*/bin/python{version}"))
    for candidate in candidates:
        if candidate is None:
            continue
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        answer = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == version:
            return candidate
    return None


def compile_bytecode(folder: Path, version: str) -> bool:
    """Compile every module, or say that it could not.

    Without bytecode a cold start spends twice the time on imports. The files are of the unchecked kind, which
    does not look at times: archives change them.

    Returns:
        Whether a Python of that version was found.
    """
    python = find_python(version)
    if python is None:
        return False
    command = [python, "-s", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder.parent), "-p", MOUNT, str(folder)]
    # The order of a set of strings among a module's constants follows this seed.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    # Its exit code tells of templates among the packages that were never meant to compile.
    subprocess.run(command, env=environment, check=False, capture_output=True)
    return True


def normalise(folder: Path) -> None:
    """Give every file the same mode and time wherever and whenever it was built."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (MODIFIED, MODIFIED))
    os.utime(folder, (MODIFIED, MODIFIED))


def main() -> None:
    """Prune, compile and normalise one folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the layer's python folder")
    parser.add_argument("--python", required=True, help="the version that the layer is for: 3.13")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    prune(folder)
    if not compile_bytecode(folder, arguments.python):
        print(
            f"No Python {arguments.python} on this machine: the layer goes without bytecode,"
            " and cold starts take longer.",
            file=sys.stderr,
        )
    normalise(folder)


if __name__ == "__main__":
    main()
