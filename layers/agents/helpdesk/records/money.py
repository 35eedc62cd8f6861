"""Amounts of money: whole hundredths in the table, never a fraction of one."""

from __future__ import annotations

CURRENCY = "EUR"


def money(cents: int) -> str:
    """Return an amount as people write it: `429.00 EUR`."""
    return f"{cents // 100}.{cents % 100:02d} {CURRENCY}"
