"""A checkout without the sample and with a package of the tests, such as `bookmill`, which declares all there is."""

from __future__ import annotations

import shutil
from pathlib import Path

from local.settings import ROOT

PACKAGES = ROOT / "tests" / "packages"
# What the commands on a package read.
_READ = (
    "Makefile",
    "deployment.yaml",
    "functions",
    "layers",
    "local",
    "pyproject.toml",
    "samconfig.toml",
    "stacks",
    "template.yaml",
    "uv.lock",
)


def add_package(name: str, agents: Path) -> Path:
    """Put a package of the tests into a checkout's layers/agents, and choose it. Return its folder."""
    folder = agents / name
    shutil.copytree(PACKAGES / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (agents / "agents.toml").write_text(f'package = "{name}"\n')
    return folder


def link_environments(folder: Path) -> None:
    """Let another checkout use the environments of this one."""
    for name in (".venv", ".envs"):
        (folder / name).symlink_to(ROOT / name)


def checkout_of_the_platform(folder: Path) -> Path:
    """Return a copy of the checkout, without the sample."""
    folder.mkdir(parents=True)
    for name in _READ:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    link_environments(folder)
    shutil.rmtree(folder / "layers" / "agents" / "helpdesk", ignore_errors=True)
    return folder


def checkout_with_bookmill(folder: Path) -> Path:
    """Return a copy of the checkout, without the sample and with the package."""
    add_package("bookmill", checkout_of_the_platform(folder) / "layers" / "agents")
    return folder
