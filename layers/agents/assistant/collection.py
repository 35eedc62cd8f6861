"""Garbage collection: none while modules load, and in short steps while several turns run."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# The thresholds of the three generations, for a process with several turns at once. A collection delays the words of
# all of them. With Python's own numbers after a large first threshold, one of 100 turns' objects took 160 ms.
SHORT_STEPS = (5_000, 4, 50)

_lock = threading.Lock()
# How many threads load modules, and whether the process collects garbage otherwise.
_loading = 0
_collects = False


@contextmanager
def without_collection() -> Iterator[None]:
    """Switch garbage collection off. Imports create little garbage, and looking for it takes a tenth of their time.

    If several threads load modules at the same time, it stays off until the last one has ended. Then all objects that
    exist are frozen: modules stay for the life of the process. Without this, the next collection visits all that was
    loaded, and each full collection would visit it again and block the event loop for about 0.2 s.
    """
    global _loading, _collects
    with _lock:
        if not _loading:
            _collects = gc.isenabled()
            gc.disable()
        _loading += 1
    try:
        yield
    finally:
        with _lock:
            _loading -= 1
            if not _loading and _collects:
                # First, because a collection may start with the call that enables them.
                gc.freeze()
                gc.enable()


def collect_in_short_steps() -> None:
    """Collect more often, and less at a time. Call it once several turns share the process."""
    gc.set_threshold(*SHORT_STEPS)
