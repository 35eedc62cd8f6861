"""Which providers have been failing: a small circuit breaker for each, kept in this process.

A provider that failed several calls in a row is set aside for a while, so that a turn does not spend its
time on it when there is another one. When the while is over, one call tries it again. Nothing here blocks or
sleeps.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

# One failure is weather, three calls in a row (each already retried) are an outage.
FAILURES_TO_OPEN = 3
# Short enough to notice a recovery within a conversation; doubled at each failed trial, up to the longest.
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 300.0


@dataclass
class Breaker:
    """The recent record of one provider."""

    failures: int = 0
    pause: float = FIRST_PAUSE_SECONDS
    open_until: float = 0.0

    def allows(self) -> bool:
        """Tell whether the provider should be called: it has not been failing, or a pause has ended."""
        return self.failures < FAILURES_TO_OPEN or time.monotonic() >= self.open_until

    def begins(self) -> None:
        """Note a call that begins. The first after a pause is the trial: until it is answered, others stay away."""
        now = time.monotonic()
        if self.failures >= FAILURES_TO_OPEN and now >= self.open_until:
            self.open_until = now + self.pause

    def succeeded(self) -> None:
        """Note a call that was answered."""
        self.failures = 0
        self.pause = FIRST_PAUSE_SECONDS
        self.open_until = 0.0

    def failed(self) -> None:
        """Note a call that failed for the provider's reasons."""
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
    """Forget all records, as after a restore from a snapshot."""
    _breakers.clear()
