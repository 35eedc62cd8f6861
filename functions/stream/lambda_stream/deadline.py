"""The deadline guard: tells an app that time runs out while there is still some, then cuts one that did not listen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LARGEST_MARGIN_SHARE = 0.5
"""Share of the time an invocation has that the margin may take: a short time-out must not be told at once."""
LARGEST_CUT_SHARE = 0.5
"""Share of the margin that the cut may take, so that there is always time between being told and being cut."""


NEVER = 365 * 86_400.0
"""Seconds to a deadline that is not known."""


class DeadlineGuard:
    """Two timers of one invocation.

    Args:
        loop: the running loop.
        deadline_ms: when Lambda ends the invocation, in milliseconds since 1970 UTC; 0 if it did not say.
        margin: seconds before it at which `tell` is called.
        cut: seconds before it at which `stop` is called.
        tell: called once, from the loop.
        stop: called once, after `tell`.
    """

    __slots__ = ("_cut_after", "_loop", "_stop", "_tell", "_timer")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        deadline_ms: int,
        margin: float,
        cut: float,
        tell: Callable[[], None],
        stop: Callable[[], None],
    ) -> None:
        # Without a deadline there is nothing to guard; Lambda always names one.
        remaining = max(0.0, deadline_ms / 1000 - time.time()) if deadline_ms else NEVER
        margin = min(margin, remaining * LARGEST_MARGIN_SHARE)
        self._cut_after = margin - min(cut, margin * LARGEST_CUT_SHARE)
        self._loop = loop
        self._tell = tell
        self._stop = stop
        self._timer = loop.call_later(remaining - margin, self._told)

    def _told(self) -> None:
        self._timer = self._loop.call_later(self._cut_after, self._stop)
        self._tell()

    def cancel(self) -> None:
        """Call neither any more."""
        self._timer.cancel()
