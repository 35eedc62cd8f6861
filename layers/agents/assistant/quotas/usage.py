"""The caller's usage of today, and the limits."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict

from assistant import clock
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import BeingErasedError, StoreUnavailableError
from assistant.prices import MILLION
from assistant.quotas.live import live_key
from assistant.quotas.records import learn, limits_of, load_records


async def usage(context: RequestContext) -> dict[str, object]:
    """Return the caller's usage of today (UTC), and the caller's limits.

    Returns:
        `{"day", "turns", "tokens", "dollars", "pictures", "transcriptions", "uploads", "limits": {…}}`. A limit that
        is not set is None. What running turns have reserved is not part of it.
    """
    moment = clock.now()
    row = await context.resources.table.get(Key(context.caller.partition, keys.day_usage_sk(moment))) or {}
    await load_records(context)
    with suppress(BeingErasedError):  # The counters stay readable.
        learn(await context.resources.table.get(live_key(context)), context)
    limits = limits_of(context)
    return {
        "day": f"{moment:%Y-%m-%d}",
        "turns": row.get("turns", 0),
        "tokens": row.get("tokens", 0) - row.get("reserved_tokens", 0),
        "dollars": (row.get("spend", 0) - row.get("reserved_spend", 0)) / MILLION,
        **{name: row.get(name, 0) for name in ("pictures", "transcriptions", "uploads")},
        "limits": {
            **asdict(limits.user),
            "concurrent_turns": limits.concurrent_turns,
            "message_characters": limits.message_characters,
        },
    }


# A user who has used this part of a day's limit is told so.
NOTICE_SHARE = 0.8


async def notice(context: RequestContext) -> str | None:
    """Return the text for a user who has used most of a day's limit, once a day; None for any other user.

    The claim of a turn reads this beside its transaction. If the table is unavailable, there is no notice.
    """
    quota = limits_of(context).user
    if quota.tokens_per_day is None and quota.spend_per_day is None:
        return None
    key = Key(context.caller.partition, keys.day_usage_sk(clock.now()))
    try:
        row = await context.resources.table.get(key) or {}
    except StoreUnavailableError:
        return None
    spend = None if quota.spend_per_day is None else quota.spend_per_day * MILLION
    for counter, limit in (("tokens", quota.tokens_per_day), ("spend", spend)):
        used = row.get(counter, 0) - row.get(f"reserved_{counter}", 0)
        if limit and used >= NOTICE_SHARE * limit and not row.get("noticed"):
            return f"You have used {min(99, int(100 * used / limit))}% of today's limit."
    return None
