"""A limit per minute that slides: a list of the newest turns' times, the newest first.

If the limit is N, the turn before N others must be a minute old. One conditional write checks that and adds a time. The
same write cannot shorten the list. The write at a turn's end does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant import clock
from assistant.quotas.rows import Counting

WINDOW_SECONDS = 60
# Each claim adds one entry and each end may remove this many, so the list stays short although some processes die.
_CUT_AT_ONCE = 10


def now() -> int:
    """Return the time in milliseconds since 1970, UTC. A second would be too coarse for a small limit."""
    return int(clock.now().timestamp() * 1000)


def enter(row: Counting, log: str, limit: int | None) -> None:
    """Add this moment to a log, on condition that the limit allows it. Without a limit, add nothing."""
    if limit is not None:
        row.older(log, limit - 1, now() - WINDOW_SECONDS * 1000)
        row.prepend(log, now())


def shorten(row: Counting, log: str, limit: int | None) -> None:
    """Remove entries of a log that no longer count."""
    if limit is not None:
        row.cut(log, limit, _CUT_AT_ONCE)


def seconds_to_wait(row: Mapping[str, Any], log: str, limit: int | None) -> float:
    """Return the seconds until a log has room; 0 if it has room now."""
    times: list[int] = row.get(log, [])
    if limit is None or len(times) < limit:
        return 0.0
    return max(0.0, times[limit - 1] / 1000 + WINDOW_SECONDS - now() / 1000)
