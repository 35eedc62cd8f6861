"""How much time a turn has left, known to everything that runs inside it.

The turn sets it once; the model chain reads it to decide whether another attempt still fits. It is a context
variable, so a task that the turn starts inherits it and two turns in one process never see each other's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends_at: ContextVar[float | None] = ContextVar("assistant_turn_ends_at", default=None)


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Give what runs inside the block, and the tasks it starts, this much time.

    A block inside another never gets more time than the outer one has left.

    Args:
        seconds: Time from now, in seconds; `None` leaves the outer deadline as it is.
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
    """Return the seconds until the deadline, never below zero, or `None` when there is none."""
    ends_at = _ends_at.get()
    return None if ends_at is None else max(0.0, ends_at - time.monotonic())
