"""The deadline guard: warn the app before the deadline, then end the response of an app that has not ended."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextvars import copy_context

LARGEST_MARGIN_SHARE = 0.5
"""The margin is at most this share of the invocation's time, so that a short timeout does not warn at once."""
LARGEST_CUT_SHARE = 0.5
"""The cut is at most this share of the margin, so that the app has time between the warning and the cut."""


class DeadlineGuard:
    """Watches the invocations of one worker, one after another.

    A timer per invocation would be expensive, and few timers ever fire. So one timer is kept: if it fires before the
    current invocation's deadline, it is set again.

    Args:
        loop: the running loop.
        margin: seconds before the deadline at which the app is warned.
        cut: seconds before the deadline at which the response is ended.
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
        # The timer outlives its invocation, so it must not keep the invocation's context.
        self._context = copy_context()

    def watch(self, deadline_ms: int, tell: Callable[[], None], stop: Callable[[], None]) -> None:
        """Watch one invocation until `release`.

        Args:
            deadline_ms: Lambda's deadline in milliseconds since 1970 UTC. 0: none, so nothing is watched.
            tell: called once, the margin before the deadline.
            stop: called once, after `tell`, the cut before the deadline.
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
        """Stop watching the invocation."""
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
