"""A tenant's counters. All users of a tenant write them, so a large limit has several rows, the shards.

Each shard has its share of the limit, and the shares add up to the limit. A claim chooses a shard at random. If that
shard is full, the claim moves to one that has room.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from assistant import clock
from assistant.aws import Table, keys
from assistant.aws.keys import Key
from assistant.quotas.rows import DAY_LIFETIME, Counting
from assistant.quotas.window import enter, seconds_to_wait, shorten

# A minute's log is useless after the minute.
MINUTE_LIFETIME = timedelta(hours=1)
# Claims of one row conflict at about 30 a second. With this share a shard takes at most 2 turns a second, and its log
# of times stays below one kilobyte, which is one write unit.
TURNS_PER_SHARD = 100
# A shard lets a turn begin while it is under its share. The last turns of a shard can exceed the share by their tokens,
# which are some thousand each: a few percent of this number.
TOKENS_PER_SHARD = 500_000
# At this many shards, 200 turns a second are about 6 a second and shard.
MAX_SHARDS = 32

# The same in millionths of a dollar. A turn costs some cents at most.
SPEND_PER_SHARD = 20_000_000

ShardCounter = Literal["turns", "tokens", "spend"]


def shares(counter: ShardCounter, limit: int) -> list[int]:
    """Return the share of each shard. The shares add up to the limit."""
    per_shard = {"turns": TURNS_PER_SHARD, "tokens": TOKENS_PER_SHARD, "spend": SPEND_PER_SHARD}
    count = min(max(limit // per_shard[counter], 1), MAX_SHARDS)
    return [limit // count + (shard < limit % count) for shard in range(count)]


@dataclass(frozen=True)
class Shard:
    """One row of a tenant's counter.

    Attributes:
        key: The row.
        counter: `turns` counts turns per minute, `tokens` tokens per day, `spend` millionths of a dollar per day.
        share: The shard's share of the limit.
        limit: The tenant's limit.
    """

    key: Key
    counter: ShardCounter
    share: int
    limit: int

    @classmethod
    def chosen(cls, tenant_id: str, counter: ShardCounter, limit: int) -> Shard:
        """Return a shard, chosen at random."""
        moment = clock.now()
        sk = {
            "turns": keys.MINUTE_USAGE_SK,
            "tokens": keys.day_usage_sk(moment),
            "spend": keys.day_spend_sk(moment),
        }[counter]
        every = shares(counter, limit)
        number = random.randrange(len(every))  # noqa: S311 - balance, no secret
        key = Key(keys.tenant_partition(tenant_id), keys.usage_shard_sk(sk, number))
        return cls(key, counter, every[number], limit)

    def row(self) -> Counting:
        """Return a write of this row that changes nothing yet."""
        return Counting(self.key, MINUTE_LIFETIME if self.counter == "turns" else DAY_LIFETIME)

    def claim(self, reserved: int) -> Counting:
        """Return the write that lets a turn begin if the share is not used up, and that reserves an amount."""
        if self.counter != "turns":
            row = self.reserve(reserved)
            row.add("turns", 1)
            return row
        row = self.row()
        enter(row, "recent", self.share)
        return row

    def spend(self, amount: int) -> Counting:
        """Return the write that counts an amount if the share is not used up."""
        row = self.row()
        row.add(self.counter, amount)
        row.below(self.counter, self.share)
        return row

    def reserve(self, amount: int) -> Counting:
        """Return the write that reserves an amount if the share is not used up."""
        row = self.spend(amount)
        row.add("reserved", amount)
        return row

    def shortened(self) -> Counting:
        """Return the write that removes the times of turns that no longer count."""
        row = self.row()
        shorten(row, "recent", self.share)
        return row

    def is_only_reserved(self, row: Mapping[str, Any]) -> bool:
        """Tell whether running turns have reserved the rest of the share. They may use less."""
        return self.counter != "turns" and row.get(self.counter, 0) - row.get("reserved", 0) < self.share

    def _is_full(self, row: Mapping[str, Any], share: int) -> bool:
        if self.counter == "turns":
            return seconds_to_wait(row, "recent", share) > 0
        return bool(row.get(self.counter, 0) >= share)

    async def other(self, table: Table) -> Shard | None:
        """Return another shard that has room, or None if the limit is reached."""
        first = keys.usage_shard_sk(self.key.sk, 0)
        found, _ = await table.query(
            self.key.pk, between=(first, keys.usage_shards_end(self.key.sk)), limit=2 * MAX_SHARDS
        )
        rows = {row["sk"]: row for row in found}
        named = [(keys.usage_shard_sk(first, n), share) for n, share in enumerate(shares(self.counter, self.limit))]
        room = [(sk, share) for sk, share in named if not self._is_full(rows.get(sk, {}), share)]
        if not room:
            return None
        sk, share = random.choice(room)  # noqa: S311 - balance, no secret
        return Shard(Key(self.key.pk, sk), self.counter, share, self.limit)
