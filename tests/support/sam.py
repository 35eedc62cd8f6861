"""The real `sam` on a copy of the checkout, against the local AWS."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from local.emulator import CREDENTIALS, REGION, Emulator
from local.settings import ROOT

SAM = ROOT / ".envs" / "sam" / "bin"
# What `sam build` and `sam deploy` read.
_READ = ("template.yaml", "deployment.yaml", "samconfig.toml", "stacks", "layers", "functions")


def checkout(folder: Path) -> Path:
    """Return a copy of what `sam` reads, which a test may change."""
    folder.mkdir(parents=True)
    for name in _READ:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder)
    return folder


def sam(root: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run `sam` in a checkout and return what it printed; an exit code other than 0 fails the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [str(SAM / "sam"), *arguments],
        cwd=root,
        env={
            **kept,
            "PATH": f"{ROOT / '.venv' / 'bin'}:{SAM}:{os.environ['PATH']}",
            "SAM_CLI_TELEMETRY": "0",
            **(environment or {}),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def account(emulator: Emulator) -> dict[str, str]:
    """Return the variables that make `sam` deploy to the local AWS."""
    return {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
