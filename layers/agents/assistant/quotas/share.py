"""What a running turn has taken of its user's and its tenant's limits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from assistant.aws import ConditionFailedError, Write
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import StoreUnavailableError, TurnOverLimitError
from assistant.models import Meter
from assistant.prices import millionths
from assistant.quotas.estimates import Amount, used_by_model, used_so_far
from assistant.quotas.models import model_counters
from assistant.quotas.records import limits_of
from assistant.quotas.rows import Counting
from assistant.quotas.settlement import Changes, Settlement
from assistant.quotas.shards import Shard, ShardCounter
from assistant.threads import lease_end, turn_fence

# A full shard of the tenant has others beside it, which other turns may fill in between.
ATTEMPTS = 3
# In the transaction of `TurnShare.grow` the user's row has this index, and the tenant's rows follow.
_DAY_WRITE = 1


@dataclass(eq=False)
class TurnShare:
    """What a claimed turn has taken. It grows with the turn's model calls, and the turn's end settles it.

    Attributes:
        turn_id: The turn.
        thread_id: Its thread.
        day: The sort key of the user's usage on the day of the claim.
        reserved: What the turn has reserved.
        shards: The rows of the tenant's counters, with what the turn has reserved in each.
        noticed: Whether the turn tells the user that most of the day's limit is used.
    """

    turn_id: str
    thread_id: str
    day: str
    reserved: Amount
    shards: Mapping[Shard, int] = field(default_factory=dict)
    noticed: bool = False
    _growing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _begun: bool = False

    def settlement(
        self, context: RequestContext, used: Amount, pictures: int, models: Mapping[str, Amount] | None = None
    ) -> Settlement:
        """Return what to change in the counters if the turn ends now.

        Args:
            context: The turn's context.
            used: What the turn has used.
            pictures: The pictures among it.
            models: What it has used by model, for the usage that an admin sees.
        """
        user: Changes = {
            self.day: {
                "tokens": used.tokens - self.reserved.tokens,
                "spend": used.spend - self.reserved.spend,
                "pictures": pictures,
                "reserved_tokens": -self.reserved.tokens,
                "reserved_spend": -self.reserved.spend,
                "noticed": int(self.noticed),
                **model_counters(models or {}),
            }
        }
        for claimed in context.report.claimed_pictures:
            # The day may have changed since the turn's claim.
            counted = user.setdefault(claimed.day, {"pictures": 0, "spend": 0})
            counted["pictures"] -= 1
            counted["spend"] -= claimed.spend
        tenant = self._of_tenant(used)
        for claimed in context.report.claimed_pictures:
            if claimed.tenant_sk is not None:
                row = tenant.setdefault(claimed.tenant_sk, {"spend": 0})
                row["spend"] -= claimed.spend
        return Settlement(user, tenant)

    def _of_tenant(self, used: Amount) -> Changes:
        changes: Changes = {}
        left = {counter: used.of(counter) for counter in ("tokens", "spend")}
        last = {shard.counter: shard for shard in self.shards}
        for shard, reserved in self.shards.items():
            if shard.counter == "turns":
                continue
            # A turn that has grown beyond one shard uses up what it has reserved in the first ones.
            here = left[shard.counter]
            if shard != last[shard.counter]:
                here = min(here, reserved)
            left[shard.counter] -= here
            changes[shard.key.sk] = {shard.counter: here - reserved, "reserved": -reserved}
        return changes

    async def shorten_logs(self, context: RequestContext) -> None:
        """Remove times of turns that no longer count from the tenant's rows. The next turn may do it as well."""
        for shard in self.shards:
            if shard.counter == "turns":
                write = shard.shortened().write()
                with suppress(StoreUnavailableError):
                    await context.resources.table.update(
                        write.key, write.update or "", names=write.names, values=write.values
                    )

    def begin_call(self) -> bool:
        """Note a model call. Return whether it is the turn's first one."""
        first, self._begun = not self._begun, True
        return first

    async def grow(self, context: RequestContext, meter: Meter, call: Amount) -> None:
        """Reserve what the next model call needs beyond the turn's reservation, if a limit of the day allows it.

        Args:
            context: The turn's context.
            meter: What the turn has used.
            call: What the next call uses at most.

        Raises:
            TurnOverLimitError: a limit of the day is reached.
        """
        async with self._growing:
            used = used_so_far(meter, context.settings)
            more = Amount(
                max(0, used.tokens + call.tokens - self.reserved.tokens),
                max(0, used.spend + call.spend - self.reserved.spend),
            )
            if more == Amount():
                return
            own: dict[ShardCounter, Shard] = {
                shard.counter: shard for shard in self.shards if more.of(shard.counter) and shard.counter != "turns"
            }
            for _ in range(ATTEMPTS):
                shards = list(own.values())
                grown = self._grown(more, shards)
                models = used_by_model(meter, context.settings)
                writes = [
                    self._fence(context, grown.settlement(context, used, meter.pictures, models)),
                    self._day(context, more),
                    *(shard.reserve(more.of(shard.counter)).write() for shard in shards),
                ]
                try:
                    await context.resources.table.transact(writes)
                except ConditionFailedError as error:
                    if error.index < _DAY_WRITE:
                        return  # The turn is over. Its process finds that out with the next checkpoint.
                    failed = [error.index, *(index for index, _ in error.others)]
                    for shard in [shards[index - _DAY_WRITE - 1] for index in failed if index > _DAY_WRITE]:
                        other = await shard.other(context.resources.table)
                        if other is None:
                            raise TurnOverLimitError from None
                        own[shard.counter] = other
                    if _DAY_WRITE in failed:
                        raise TurnOverLimitError from None
                else:
                    self.reserved, self.shards = grown.reserved, grown.shards
                    return
            raise TurnOverLimitError

    def _grown(self, more: Amount, shards: list[Shard]) -> TurnShare:
        reserved = Amount(self.reserved.tokens + more.tokens, self.reserved.spend + more.spend)
        counted = dict(self.shards)
        for shard in shards:
            counted[shard] = counted.get(shard, 0) + more.of(shard.counter)
        return replace(self, reserved=reserved, shards=counted)

    def _fence(self, context: RequestContext, settled: Settlement) -> Write:
        fence = turn_fence(context.caller.thread(self.thread_id), self.turn_id)
        # A takeover has the condition that the lease is the one that it has read, with the settlement.
        return replace(
            fence,
            update="SET settlement = :settlement, lease = :lease",
            values={**fence.values, ":settlement": settled.dump(), ":lease": lease_end()},
        )

    def _day(self, context: RequestContext, more: Amount) -> Write:
        quota, day = limits_of(context).user, Counting(Key(context.caller.partition, self.day))
        limits = {
            "tokens": quota.tokens_per_day,
            "spend": None if quota.spend_per_day is None else millionths(quota.spend_per_day),
        }
        for counter, limit in limits.items():
            day.add(counter, more.of(counter))
            day.add(f"reserved_{counter}", more.of(counter))
            if limit is not None and more.of(counter):
                day.below(counter, limit)
        return day.write()


_share: ContextVar[TurnShare | None] = ContextVar("assistant_turn_share", default=None)


@contextmanager
def sharing(share: TurnShare) -> Iterator[None]:
    """Let the model calls of this block and its tasks reserve what they need in `share`."""
    token = _share.set(share)
    try:
        yield
    finally:
        _share.reset(token)


def current_share() -> TurnShare | None:
    """Return the turn's share; None outside a turn."""
    return _share.get()
