"""Limits on turns and tokens, and what has been used.

A user's usage of the day is always counted. A minute is counted, and a tenant's usage at all, only where a limit
asks for it: a counter that all users of a tenant share is a row that their turns contend for.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from assistant import clock
from assistant.aws import Write, keys
from assistant.aws.keys import Key
from assistant.identity import Caller
from assistant.settings import Quota
from assistant.threads import SCHEMA_VERSION

if TYPE_CHECKING:
    from assistant.context import RequestContext

# Usage is looked at for a month's report; a minute's counter is of no use after the minute.
DAY_LIFETIME = timedelta(days=40)
MINUTE_LIFETIME = timedelta(hours=1)


def seconds() -> int:
    """Return the time in whole seconds since 1970, UTC, as rows keep it."""
    return int(clock.now().timestamp())


def claims(context: RequestContext) -> list[Write]:
    """Return the writes that count one turn, and fail where that would break a limit."""
    caller, settings = context.caller, context.settings
    user = caller.partition
    writes = _turn_writes(user, settings.user_quota, count_day=True)
    tenant = settings.tenant_quota
    if tenant.turns_per_minute is not None or tenant.tokens_per_day is not None:
        writes += _turn_writes(keys.tenant_partition(caller.tenant_id), tenant, count_day=False)
    return writes


def _turn_writes(pk: str, quota: Quota, *, count_day: bool) -> list[Write]:
    moment = clock.now()
    writes: list[Write] = []
    if quota.turns_per_minute is not None:
        writes.append(
            _counting(
                Key(pk, keys.minute_usage_sk(moment)),
                "turns",
                1,
                MINUTE_LIFETIME,
                limit=("turns", quota.turns_per_minute),
            )
        )
    if count_day or quota.tokens_per_day is not None:
        limit = None if quota.tokens_per_day is None else ("tokens", quota.tokens_per_day)
        writes.append(_counting(Key(pk, keys.day_usage_sk(moment)), "turns", 1, DAY_LIFETIME, limit=limit))
    return writes


def usage_writes(context: RequestContext, tokens: int) -> list[Write]:
    """Return the writes that count the tokens a turn has used, input and output."""
    caller, moment = context.caller, clock.now()
    owners = [caller.partition]
    if context.settings.tenant_quota.tokens_per_day is not None:
        owners.append(keys.tenant_partition(caller.tenant_id))
    return [_counting(Key(pk, keys.day_usage_sk(moment)), "tokens", tokens, DAY_LIFETIME) for pk in owners]


def _counting(key: Key, counter: str, amount: int, lifetime: timedelta, limit: tuple[str, int] | None = None) -> Write:
    condition: str | None = None
    names = {"#counter": counter, "#ttl": "ttl"}
    values: dict[str, int] = {}
    if limit is not None:
        condition = "attribute_not_exists(#limited) OR #limited < :limit"
        names["#limited"], values[":limit"] = limit
    return Write(
        key,
        update="SET schema_version = :version, #ttl = :ttl ADD #counter :amount",
        condition=condition,
        names=names,
        values={
            ":version": SCHEMA_VERSION,
            ":ttl": int((clock.now() + lifetime).timestamp()),
            ":amount": amount,
            **values,
        },
    )


def retry_after(key: Key) -> float:
    """Return after how many seconds the period of a counter is over."""
    moment = clock.now()
    if key.sk.startswith(keys.MINUTE_USAGE_PREFIX):
        return 60 - moment.second
    tomorrow = datetime(moment.year, moment.month, moment.day, tzinfo=UTC) + timedelta(days=1)
    return (tomorrow - moment).total_seconds()


async def usage(context: RequestContext) -> dict[str, object]:
    """Return what the caller has used today (UTC), and the limits that apply.

    Returns:
        `{"day", "turns", "tokens", "limits": {"turns_per_minute", "tokens_per_day"}}`; a limit that is not set
        is None.
    """
    caller: Caller = context.caller
    moment = clock.now()
    pk = caller.partition
    row = await context.resources.table.get(Key(pk, keys.day_usage_sk(moment))) or {}
    quota = context.settings.user_quota
    return {
        "day": f"{moment:%Y-%m-%d}",
        "turns": row.get("turns", 0),
        "tokens": row.get("tokens", 0),
        "limits": {"turns_per_minute": quota.turns_per_minute, "tokens_per_day": quota.tokens_per_day},
    }
