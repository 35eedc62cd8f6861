"""Format amounts of money. The table stores whole cents."""

from __future__ import annotations

CURRENCY = "EUR"


def money(cents: int) -> str:
    """Return an amount for display, such as `429.00 EUR`."""
    return f"{cents // 100}.{cents % 100:02d} {CURRENCY}"
