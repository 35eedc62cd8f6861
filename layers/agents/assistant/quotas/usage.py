"""The caller's usage of today, and the limits."""

from __future__ import annotations

from assistant import clock
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.quotas.message import message_characters


async def usage(context: RequestContext) -> dict[str, object]:
    """Return the caller's usage of today (UTC), and the caller's limits.

    Returns:
        `{"day", "turns", "tokens", "limits": {…}}`; a limit that is not set is None.
    """
    moment = clock.now()
    row = await context.resources.table.get(Key(context.caller.partition, keys.day_usage_sk(moment))) or {}
    quota = context.settings.user_quota
    return {
        "day": f"{moment:%Y-%m-%d}",
        "turns": row.get("turns", 0),
        "tokens": row.get("tokens", 0),
        "limits": {
            "turns_per_minute": quota.turns_per_minute,
            "tokens_per_day": quota.tokens_per_day,
            "concurrent_turns": context.settings.max_concurrent_turns,
            "message_characters": message_characters(context.settings),
        },
    }
