"""The settings of limits and of retention."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.settings.environment import Environment

# API Gateway cuts a call at 30 s. The other 5 s are for storing and sending the answer.
DEFAULT_CHAT_TURN_SECONDS = 25.0
# Enough for a day's conversation, and cheap enough to send with every model call.
DEFAULT_HISTORY_MAX_TOKENS = 16_000
# Over HTTP, half of a core is free then, and 99 of 100 words come within 10 ms. With 100 turns the core is nearly full
# (`benchmarks/served.py`).
DEFAULT_MAX_TURNS_PER_PROCESS = 50
# A user reads one answer at a time, and may have some tabs open.
DEFAULT_MAX_CONCURRENT_TURNS = 3
# A page, its reload and some tabs. Each follower holds a process on Lambda.
DEFAULT_MAX_FOLLOWERS = 5
# About 8,000 tokens: half of the history's default budget, and more than ten printed pages.
DEFAULT_MAX_MESSAGE_CHARS = 32_000
# A user's row holds the times of this many turns, and each turn writes the row. 500 times are 4 KB.
MAX_TURNS_PER_MINUTE = 500
# The same for a tenant, whose times are spread over 32 rows.
MAX_TENANT_TURNS_PER_MINUTE = 50_000
# An auditor asks for the last year.
DEFAULT_AUDIT_DAYS = 365
# More than 270 years is a typing error, and Python's dates overflow at a few million days.
MAX_RETENTION_DAYS = 99_999


@dataclass(frozen=True)
class Quota:
    """Limits of a user or a tenant. `None`: no limit.

    Attributes:
        turns_per_minute: Turns in any 60 seconds.
        tokens_per_day: Tokens on a UTC day, input and output.
        spend_per_day: US dollars on a UTC day, by the table of prices.
        transcriptions_per_minute: Recordings in any 60 seconds; for users only.
        pictures_per_day: Generated pictures on a UTC day; for users only.
        uploads_per_day: Files on a UTC day; for users only.
    """

    turns_per_minute: int | None = None
    tokens_per_day: int | None = None
    spend_per_day: float | None = None
    transcriptions_per_minute: int | None = None
    pictures_per_day: int | None = None
    uploads_per_day: int | None = None


def quota(env: Environment, prefix: str, most_turns: int) -> Quota:
    """Return the limits of users, or with a prefix those of tenants."""
    return Quota(
        turns_per_minute=env.whole(f"{prefix}QUOTA_TURNS_PER_MINUTE", most=most_turns),
        tokens_per_day=env.whole(f"{prefix}QUOTA_TOKENS_PER_DAY"),
        spend_per_day=env.number(f"{prefix}QUOTA_SPEND_PER_DAY", least=0),
    )
