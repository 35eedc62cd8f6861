"""Limits on turns and tokens, and the counters of usage.

A user's usage of the day is always counted. Usage per minute, and a tenant's usage, are counted only if a limit needs
them. All users of a tenant write the tenant's counter, so the counter of a large limit has several rows, the shards.
Each shard has its share of the limit, and the shares add up to the limit.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from assistant import clock
from assistant.aws import Write, keys
from assistant.aws.keys import Key
from assistant.errors import StoreUnavailableError
from assistant.identity import Caller
from assistant.settings import Quota
from assistant.threads import SCHEMA_VERSION

if TYPE_CHECKING:
    from assistant.context import RequestContext

logger = logging.getLogger(__name__)

# An operator reads a month's usage. A minute's counter is useless after the minute.
DAY_LIFETIME = timedelta(days=40)
MINUTE_LIFETIME = timedelta(hours=1)
# Claims of one row conflict at about 30 a second. With this share a shard takes at most 5 turns a second.
TURNS_PER_SHARD = 300
# A shard lets a turn begin while it is under its share. The last turns of a shard can exceed the share by their tokens,
# which are some thousand each: a few percent of this number.
TOKENS_PER_SHARD = 500_000
# At this many shards, 200 turns a second are about 6 a second and shard.
MAX_SHARDS = 32


def seconds() -> int:
    """Return the time in whole seconds since 1970, UTC, as rows contain it."""
    return int(clock.now().timestamp())


def claims(context: RequestContext) -> list[Write]:
    """Return the writes that count one turn. Their conditions fail if a limit is reached."""
    caller, settings = context.caller, context.settings
    writes = _turn_writes(caller.partition, settings.user_quota, count_day=True)
    return writes + _turn_writes(
        keys.tenant_partition(caller.tenant_id), settings.tenant_quota, count_day=False, sharded=True
    )


async def rerouted(context: RequestContext, writes: Sequence[Write], refused: Iterable[int]) -> list[Write] | None:
    """Move refused counts of a tenant's usage to shards that have room.

    Args:
        context: The request's context.
        writes: The writes of a claim.
        refused: The positions of the writes whose conditions have failed.

    Returns:
        The writes for another attempt; None if a limit is really reached, or another write was refused.
    """
    moved, tenant = list(writes), keys.tenant_partition(context.caller.tenant_id)
    for index in refused:
        write = writes[index]
        if write.key.pk != tenant:
            return None
        counter, limit = _limit_of(write.key, context.settings.tenant_quota)
        first = keys.usage_shard_sk(write.key.sk, 0)
        found, _ = await context.resources.table.query(
            tenant, between=(first, keys.usage_shards_end(write.key.sk)), limit=MAX_SHARDS
        )
        used = {row["sk"]: row.get(counter, 0) for row in found}
        shares = _shares(counter, limit)
        room = [n for n, share in enumerate(shares) if used.get(keys.usage_shard_sk(first, n), 0) < share]
        if not room:
            return None
        shard = random.choice(room)  # noqa: S311 - balance, no secret
        key = Key(tenant, keys.usage_shard_sk(first, shard))
        lifetime = MINUTE_LIFETIME if counter == "turns" else DAY_LIFETIME
        moved[index] = _counting(key, "turns", 1, lifetime, limit=(counter, shares[shard]))
    return moved


def _limit_of(key: Key, quota: Quota) -> tuple[str, int]:
    if key.sk.startswith(keys.MINUTE_USAGE_PREFIX):
        return "turns", quota.turns_per_minute or 0
    return "tokens", quota.tokens_per_day or 0


def _turn_writes(pk: str, quota: Quota, *, count_day: bool, sharded: bool = False) -> list[Write]:
    moment = clock.now()
    writes: list[Write] = []
    if quota.turns_per_minute is not None:
        sk, share = _share(keys.minute_usage_sk(moment), "turns", quota.turns_per_minute, sharded)
        writes.append(_counting(Key(pk, sk), "turns", 1, MINUTE_LIFETIME, limit=("turns", share)))
    day = keys.day_usage_sk(moment)
    if quota.tokens_per_day is not None:
        sk, share = _share(day, "tokens", quota.tokens_per_day, sharded)
        writes.append(_counting(Key(pk, sk), "turns", 1, DAY_LIFETIME, limit=("tokens", share)))
    elif count_day:
        writes.append(_counting(Key(pk, day), "turns", 1, DAY_LIFETIME))
    return writes


def _share(sk: str, counter: str, limit: int, sharded: bool) -> tuple[str, int]:
    """Return the sort key and the limit of a randomly chosen shard."""
    shares = _shares(counter, limit) if sharded else [limit]
    shard = random.randrange(len(shares))  # noqa: S311 - balance, no secret
    return keys.usage_shard_sk(sk, shard), shares[shard]


def _shares(counter: str, limit: int) -> list[int]:
    """Return the share of each shard. The shares add up to the limit."""
    per_shard = TURNS_PER_SHARD if counter == "turns" else TOKENS_PER_SHARD
    count = min(max(limit // per_shard, 1), MAX_SHARDS)
    return [limit // count + (shard < limit % count) for shard in range(count)]


def usage_writes(context: RequestContext, tokens: int) -> list[Write]:
    """Return the write that counts the tokens of a turn for its user, input and output."""
    return [_counting(Key(context.caller.partition, keys.day_usage_sk(clock.now())), "tokens", tokens, DAY_LIFETIME)]


async def count_tenant_tokens(context: RequestContext, tokens: int) -> None:
    """Count the tokens of a turn for its tenant, if the tenant has a limit.

    The count is not part of the transaction that ends the turn, because all users of the tenant write these rows. If
    the process dies in between, or the table is unavailable, the tokens stay uncounted for the tenant.
    """
    limit = context.settings.tenant_quota.tokens_per_day
    if limit is None or not tokens:
        return
    sk, _ = _share(keys.day_usage_sk(clock.now()), "tokens", limit, sharded=True)
    write = _counting(Key(keys.tenant_partition(context.caller.tenant_id), sk), "tokens", tokens, DAY_LIFETIME)
    try:
        await context.resources.table.update(write.key, write.update or "", names=write.names, values=write.values)
    except StoreUnavailableError:
        logger.warning("%d tokens of tenant %s could not be counted", tokens, context.caller.tenant_id)


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
    """Return the seconds until a counter's period ends."""
    moment = clock.now()
    if key.sk.startswith(keys.MINUTE_USAGE_PREFIX):
        return 60 - moment.second
    tomorrow = datetime(moment.year, moment.month, moment.day, tzinfo=UTC) + timedelta(days=1)
    return (tomorrow - moment).total_seconds()


async def usage(context: RequestContext) -> dict[str, object]:
    """Return the caller's usage of today (UTC), and the caller's limits.

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
