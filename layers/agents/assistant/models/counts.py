"""Read a count of tokens that a provider reports: some send a float, a text, nothing, or a number that is none."""

from __future__ import annotations

from typing import Any

# No call can read or write more tokens. A larger number is a fault, and DynamoDB stores 38 digits.
MAX_TOKENS_PER_CALL = 1_000_000_000


def count_of(value: Any) -> int | None:
    """Return a count, or None if the value is no plausible count."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # NaN is in no range.
    return int(value) if 0 <= value <= MAX_TOKENS_PER_CALL else None
