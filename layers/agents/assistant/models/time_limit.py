"""The time that a turn has left, for all code that runs in the turn.

The turn sets the limit once. The model chain reads it to decide whether there is time for another attempt. The limit is
a context variable. Tasks of the turn inherit it, and two turns in one process never share it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends_at: ContextVar[float | None] = ContextVar("assistant_turn_ends_at", default=None)


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Set a deadline for this block and its tasks. It never extends an outer deadline.

    Args:
        seconds: Seconds from now. `None` keeps the outer deadline.
    """
    outer = _ends_at.get()
    ends_at = outer
    if seconds is not None:
        ends_at = time.monotonic() + seconds
        if outer is not None:
            ends_at = min(ends_at, outer)
    token = _ends_at.set(ends_at)
    try:
        yield
    finally:
        _ends_at.reset(token)


def seconds_left() -> float | None:
    """Return the seconds until the deadline, never below zero, or `None` without a deadline."""
    ends_at = _ends_at.get()
    return None if ends_at is None else max(0.0, ends_at - time.monotonic())
