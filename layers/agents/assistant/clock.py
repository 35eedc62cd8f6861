"""The one clock. It counts in UTC, and every time in the project is UTC-aware."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time, UTC-aware."""
    return datetime.now(UTC)
