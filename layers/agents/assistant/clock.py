"""The project's clock. Every time in the project is UTC-aware."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, UTC-aware."""
    return datetime.now(UTC)
