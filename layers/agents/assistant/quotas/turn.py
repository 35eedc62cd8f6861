"""What a turn takes of its user's and its tenant's limits: checked and counted by its claim, settled at its end."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from assistant import clock
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import LimitsChangedError, QuotaExceededError, StoreUnavailableError, TooManyTurnsError
from assistant.prices import millionths
from assistant.quotas import window
from assistant.quotas.estimates import Amount
from assistant.quotas.live import live_key
from assistant.quotas.records import claimed_row, learn, limits_of
from assistant.quotas.rows import Counting, until_tomorrow
from assistant.quotas.shards import Shard, ShardCounter
from assistant.threads import load_record

logger = logging.getLogger(__name__)

# A turn that is running now ends some time; a client asks again after this many seconds.
RUNNING_RETRY_SECONDS = 5.0


def _member(turn_id: str, thread_id: str) -> str:
    """Return a running turn as the user's row names it. No id of ours contains a space."""
    return f"{turn_id} {thread_id}"


def _thread_of(member: str) -> str:
    return member.partition(" ")[2]


@dataclass(frozen=True)
class TurnShare:
    """What a claimed turn has taken, for its end.

    Attributes:
        turn_id: The turn.
        thread_id: Its thread.
        day: The sort key of the user's usage on the day of the claim.
        reserved: What the claim has reserved.
        shards: The rows of the tenant's counters that the claim has written.
        noticed: Whether the turn tells the user that most of the day's limit is used.
    """

    turn_id: str
    thread_id: str
    day: str
    reserved: Amount
    shards: tuple[Shard, ...] = ()
    noticed: bool = False

    def end_writes(self, context: RequestContext, used: Amount, pictures: int) -> list[Write]:
        """Return the writes that end a turn: it no longer runs, and what it has used replaces the reservation."""
        tokens, spend = self.reserved.tokens, self.reserved.spend
        changes = {
            self.day: {
                "tokens": used.tokens - tokens,
                "spend": used.spend - spend,
                "pictures": pictures,
                "reserved_tokens": -tokens,
                "reserved_spend": -spend,
            }
        }
        for claimed in context.report.claimed_pictures:
            # The day may have changed since the turn's claim.
            counted = changes.setdefault(claimed.day, {"pictures": 0, "spend": 0})
            counted["pictures"] -= 1
            counted["spend"] -= claimed.spend
        rows = []
        for day, counters in changes.items():
            row = Counting(Key(context.caller.partition, day))
            for counter, change in counters.items():
                if change:
                    row.add(counter, change)
            if day == self.day and self.noticed:
                row.set("noticed", True)
            if any(counters.values()):
                rows.append(row)
        return [released(context, self.turn_id, self.thread_id), *(row.write() for row in rows)]

    async def count_for_tenant(self, context: RequestContext, used: Amount) -> None:
        """Replace the reservation by what the turn has used, for its tenant, if the tenant has a limit.

        The count is not part of the transaction that ends the turn, because all users of the tenant write these rows.
        If the process dies in between, or the table is unavailable, the reservation stays counted for the tenant.
        """
        table = context.resources.table
        for shard in self.shards:
            write = shard.settle(_of(shard.counter, self.reserved), _of(shard.counter, used)).write()
            try:
                await table.update(write.key, write.update or "", names=write.names, values=write.values)
            except StoreUnavailableError:
                logger.warning("a turn's %s could not be counted for its tenant", shard.counter)


def released(context: RequestContext, turn_id: str, thread_id: str) -> Write:
    """Return the write after which a turn no longer counts as running."""
    row = Counting(live_key(context), lifetime=None)
    row.remove_members("running", frozenset({_member(turn_id, thread_id)}))
    window.shorten(row, "recent", limits_of(context).user.turns_per_minute)
    return row.write()


def _of(counter: ShardCounter, amount: Amount) -> int:
    return amount.spend if counter == "spend" else amount.tokens


class TurnClaim:
    """The quota's part of a turn's claim.

    Args:
        turn_id: The turn.
        thread_id: Its thread.
        estimated: What the turn will use.
        context: The request's context.
    """

    def __init__(self, turn_id: str, thread_id: str, estimated: Amount, context: RequestContext) -> None:
        self._turn_id = turn_id
        self._day = keys.day_usage_sk(clock.now())
        self._reserved = estimated
        self._thread_id = thread_id
        self._context = context
        self._limits = limits_of(context)
        tenant_id, quota = context.caller.tenant_id, self._limits.tenant
        self._shards: list[Shard] = []
        if quota.turns_per_minute is not None:
            self._shards.append(Shard.chosen(tenant_id, "turns", quota.turns_per_minute))
        if quota.tokens_per_day is not None:
            self._shards.append(Shard.chosen(tenant_id, "tokens", quota.tokens_per_day))
        if quota.spend_per_day is not None:
            self._shards.append(Shard.chosen(tenant_id, "spend", millionths(quota.spend_per_day)))

    @property
    def share(self) -> TurnShare:
        """What the turn has taken, after its claim has succeeded."""
        return TurnShare(self._turn_id, self._thread_id, self._day, self._reserved, tuple(self._shards))

    def writes(self) -> list[Write]:
        """Return the writes of the claim. Their conditions fail if a limit is reached."""
        context = self._context
        live = claimed_row(context)
        live.add("running", frozenset({_member(self._turn_id, self._thread_id)}))
        live.fewer("running", self._limits.concurrent_turns)
        window.enter(live, "recent", self._limits.user.turns_per_minute)
        day = Counting(Key(context.caller.partition, self._day))
        day.add("turns", 1)
        for counter, amount, limit in self._of_day():
            day.add(counter, amount)
            day.add(f"reserved_{counter}", amount)
            if limit is not None:
                day.below(counter, limit)
        shards = [shard.claim(_of(shard.counter, self._reserved)) for shard in self._shards]
        return [row.write() for row in (live, day, *shards)]

    def _of_day(self) -> list[tuple[Literal["tokens", "spend"], int, int | None]]:
        """Return the counters of the day, with the reserved amounts and the limits."""
        quota, reserved = self._limits.user, self._reserved
        spend = None if quota.spend_per_day is None else millionths(quota.spend_per_day)
        return [("tokens", reserved.tokens, quota.tokens_per_day), ("spend", reserved.spend, spend)]

    async def again(self, refused: Iterable[tuple[Key, Row | None]]) -> bool:
        """Tell whether another attempt with new `writes` may succeed.

        A full shard of the tenant has others beside it. A turn that counts as running may have lost its process.

        Args:
            refused: The rows whose conditions have failed, as they are in the table.

        Raises:
            LimitsChangedError: the user's record has other limits than this process has known.
        """
        for key, row in refused:
            if key == live_key(self._context) and learn(row, self._context):
                raise LimitsChangedError
            position = next((number for number, shard in enumerate(self._shards) if shard.key == key), None)
            if position is not None:
                other = await self._shards[position].other(self._context.resources.table)
                if other is None:
                    return False
                self._shards[position] = other
            elif key != live_key(self._context) or self._wait(row) or not await self._release_dead(row):
                return False
        return True

    def refusal(self, key: Key, row: Row | None, *, busy: bool) -> QuotaExceededError | None:
        """Return the error for a row whose condition has failed.

        Args:
            key: The row.
            row: The row as it is in the table.
            busy: Whether the claim has also failed because a turn runs in the thread.

        Returns:
            None if the user runs as many turns as allowed, and one of them is in this thread: it is to be ended first.

        Raises:
            LimitsChangedError: the user's record has other limits than this process has known.
        """
        if key == live_key(self._context):
            if learn(row, self._context):
                raise LimitsChangedError
            wait = self._wait(row)
            if wait:
                return QuotaExceededError(retry_after=wait)
            if busy and any(_thread_of(member) == self._thread_id for member in _running(row)):
                return None
            return TooManyTurnsError(retry_after=RUNNING_RETRY_SECONDS)
        shard = next((shard for shard in self._shards if shard.key == key), None)
        if shard is not None and shard.counter == "turns":
            return QuotaExceededError(retry_after=window.WINDOW_SECONDS)
        only_reserved = self._is_only_reserved if shard is None else shard.is_only_reserved
        if row is not None and only_reserved(row):
            return TooManyTurnsError(retry_after=RUNNING_RETRY_SECONDS)
        return QuotaExceededError(retry_after=until_tomorrow())

    def _is_only_reserved(self, row: Row) -> bool:
        """Tell whether running turns have reserved the rest of the user's day. They may use less."""
        return all(
            limit is None or row.get(counter, 0) - row.get(f"reserved_{counter}", 0) < limit
            for counter, _, limit in self._of_day()
        )

    def _wait(self, row: Row | None) -> float:
        return window.seconds_to_wait(row or {}, "recent", self._limits.user.turns_per_minute)

    async def _release_dead(self, row: Row | None) -> bool:
        """Remove turns that no process runs from the user's running turns. Return whether there were any."""
        context, members = self._context, _running(row)
        if len(members) < self._limits.concurrent_turns:
            return True  # A condition failed that holds now.
        places = {member: context.caller.thread(_thread_of(member)).turn_key for member in members}
        found = await context.resources.table.get_many(list(places.values()))
        dead = frozenset(member for member, place in places.items() if not _is_alive(member, found.get(place)))
        if not dead:
            return False
        change = Counting(live_key(context), lifetime=None)
        change.remove_members("running", dead)
        try:
            await context.resources.table.transact([change.write()])
        except ConditionFailedError:
            return False
        return True


def _running(row: Row | None) -> frozenset[str]:
    members: frozenset[str] = (row or {}).get("running", frozenset())
    return members


def _is_alive(member: str, row: Row | None) -> bool:
    record = load_record(row)
    return record is not None and member.startswith(f"{record.turn_id} ") and record.alive
