"""The deadline guard: tells an app that time runs out while there is still some, then cuts one that did not listen."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextvars import copy_context

LARGEST_MARGIN_SHARE = 0.5
"""Share of the time an invocation has that the margin may take: a short time-out must not be told at once."""
LARGEST_CUT_SHARE = 0.5
"""Share of the margin that the cut may take, so that there is always time between being told and being cut."""


class DeadlineGuard:
    """Watches the invocations of a worker, one after the other.

    A timer for each costs more than the rest of their guarding, and hardly any ever rings. So the one that was set for
    an invocation stays when that is over; it is set again when it rings for one that has more time.

    Args:
        loop: the running loop.
        margin: seconds before a deadline at which the app is told.
        cut: seconds before it at which it is cut.
    """

    __slots__ = ("_context", "_cut", "_cut_after", "_due", "_loop", "_margin", "_stop", "_tell", "_timer", "_timer_due")

    def __init__(self, loop: asyncio.AbstractEventLoop, margin: float, cut: float) -> None:
        self._loop = loop
        self._margin = margin
        self._cut = cut
        self._cut_after = 0.0
        self._tell: Callable[[], None] | None = None
        self._stop: Callable[[], None] | None = None
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = math.inf
        # The timer outlives the invocation that it was set in, and keeps nothing of it.
        self._context = copy_context()

    def watch(self, deadline_ms: int, tell: Callable[[], None], stop: Callable[[], None]) -> None:
        """Guard one invocation until `release`.

        Args:
            deadline_ms: when Lambda ends it, in milliseconds since 1970 UTC; 0 if it did not say, which guards nothing.
            tell: called once, from the loop, the margin before that.
            stop: called once, after `tell`, when it is to be cut.
        """
        if not deadline_ms:
            return
        remaining = max(0.0, deadline_ms / 1000 - time.time())
        margin = min(self._margin, remaining * LARGEST_MARGIN_SHARE)
        self._cut_after = margin - min(self._cut, margin * LARGEST_CUT_SHARE)
        self._tell = tell
        self._stop = stop
        self._ring_at(self._loop.time() + remaining - margin)

    def release(self) -> None:
        """Call neither any more."""
        self._tell = self._stop = None

    def _ring_at(self, due: float) -> None:
        self._due = due
        if due >= self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._rung, context=self._context)
        self._timer_due = due

    def _rung(self) -> None:
        self._timer = None
        self._timer_due = math.inf
        if self._stop is None:
            return
        if self._loop.time() < self._due:
            self._ring_at(self._due)
        elif self._tell is not None:
            tell, self._tell = self._tell, None
            self._ring_at(self._due + self._cut_after)
            tell()
        else:
            stop, self._stop = self._stop, None
            stop()
