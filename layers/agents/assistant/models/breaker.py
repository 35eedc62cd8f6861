"""A small circuit breaker for each provider, kept in this process.

After several failed calls in a row the circuit opens, and a turn calls the fallback first. When the pause is over, one
call tries the provider again. No function here blocks or sleeps.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

# One failure can be chance. Three failed calls in a row, each with its retries, are an outage.
FAILURES_TO_OPEN = 3
# Short enough to notice a recovery within a conversation. Each failed trial doubles it, up to the longest pause.
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 300.0


@dataclass
class Breaker:
    """The recent record of one provider."""

    failures: int = 0
    pause: float = FIRST_PAUSE_SECONDS
    open_until: float = 0.0

    def allows(self) -> bool:
        """Tell whether to call the provider: its circuit is closed, or the pause is over."""
        return self.failures < FAILURES_TO_OPEN or time.monotonic() >= self.open_until

    def begins(self) -> None:
        """Note a call that starts. The first call after a pause is the trial: others still find the circuit open."""
        now = time.monotonic()
        if self.failures >= FAILURES_TO_OPEN and now >= self.open_until:
            self.open_until = now + self.pause

    def succeeded(self) -> None:
        """Close the circuit: a call succeeded."""
        self.failures = 0
        self.pause = FIRST_PAUSE_SECONDS
        self.open_until = 0.0

    def failed(self) -> None:
        """Note a call that the provider failed."""
        self.failures += 1
        if self.failures < FAILURES_TO_OPEN:
            return
        if self.failures > FAILURES_TO_OPEN:
            self.pause = min(self.pause * 2, LONGEST_PAUSE_SECONDS)
        self.open_until = time.monotonic() + self.pause


_breakers: dict[str, Breaker] = {}


def breaker_of(provider: str) -> Breaker:
    """Return this process's breaker for a provider."""
    return _breakers.setdefault(provider, Breaker())


def reset_breakers() -> None:
    """Forget all failures, for example after a restore from a snapshot."""
    _breakers.clear()
