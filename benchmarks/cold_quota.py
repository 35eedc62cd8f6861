"""A CPU quota for processes, as Lambda gives one by the memory setting: a control group's, which takes root."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
# Short, so that a process does not get a whole burst before it waits.
PERIOD_MICROSECONDS = 20_000


class QuotaError(Exception):
    """This machine does not let us limit a process."""


class Quota:
    """A share of a core for all processes that are added.

    Args:
        share: The share: 0.29 is what a function of 512 MB gets.

    Raises:
        QuotaError: The control groups cannot be used here.
    """

    def __init__(self, share: float) -> None:
        microseconds = int(share * PERIOD_MICROSECONDS)
        version_2 = (_ROOT / "cgroup.controllers").exists()
        self._folder = (_ROOT if version_2 else _ROOT / "cpu") / f"cold-{os.getpid()}-{share}"
        try:
            if version_2:
                (_ROOT / "cgroup.subtree_control").write_text("+cpu")
            self._folder.mkdir()
            if version_2:
                (self._folder / "cpu.max").write_text(f"{microseconds} {PERIOD_MICROSECONDS}")
            else:
                (self._folder / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
                (self._folder / "cpu.cfs_quota_us").write_text(str(microseconds))
        except OSError as error:
            raise QuotaError(str(error)) from error

    def add(self, pid: int) -> None:
        """Limit a process with all its threads."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def close(self) -> None:
        """Remove the limit; its processes have ended."""
        self._folder.rmdir()
