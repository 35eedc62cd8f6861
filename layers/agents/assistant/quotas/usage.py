"""The caller's usage of today, and the limits."""

from __future__ import annotations

from dataclasses import asdict

from assistant import clock
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.prices import MILLION
from assistant.quotas.message import message_characters


async def usage(context: RequestContext) -> dict[str, object]:
    """Return the caller's usage of today (UTC), and the caller's limits.

    Returns:
        `{"day", "turns", "tokens", "dollars", "pictures", "transcriptions", "uploads", "limits": {…}}`. A limit that
        is not set is None. What running turns have reserved is not part of it.
    """
    moment = clock.now()
    row = await context.resources.table.get(Key(context.caller.partition, keys.day_usage_sk(moment))) or {}
    quota = context.settings.user_quota
    return {
        "day": f"{moment:%Y-%m-%d}",
        "turns": row.get("turns", 0),
        "tokens": row.get("tokens", 0) - row.get("reserved_tokens", 0),
        "dollars": (row.get("spend", 0) - row.get("reserved_spend", 0)) / MILLION,
        **{name: row.get(name, 0) for name in ("pictures", "transcriptions", "uploads")},
        "limits": {
            **asdict(quota),
            "concurrent_turns": context.settings.max_concurrent_turns,
            "message_characters": message_characters(context.settings),
        },
    }
