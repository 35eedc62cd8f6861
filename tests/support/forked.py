"""Processes that are forked from one which has loaded everything already: a new one costs a fraction of a second."""

from __future__ import annotations

import functools
import os
import sys
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerContext
from unittest.mock import patch

PRELOADED = ["tests.faults.apart", "tests.faults.random_run.server", "tests.support.app_process"]


@functools.cache
def fork_context() -> ForkServerContext:
    """Return the context whose processes are forked from that one, which is started by the first call."""
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    # Before Python 3.13 it does not get this process's path, and passes over what it cannot import.
    path = os.pathsep.join(os.path.abspath(each) for each in sys.path)
    with patch.dict(os.environ, PYTHONPATH=path):
        forkserver.ensure_running()
    return context
