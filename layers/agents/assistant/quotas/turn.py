"""The claim of a turn: it checks the limits of the user and of the tenant, and reserves what the turn will use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from assistant import clock
from assistant.aws import Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import LimitsChangedError, QuotaExceededError, TooManyTurnsError
from assistant.prices import millionths
from assistant.quotas import window
from assistant.quotas.estimates import Amount
from assistant.quotas.live import live_key
from assistant.quotas.records import claimed_row, learn, limits_of
from assistant.quotas.rows import Counting, until_tomorrow
from assistant.quotas.running import EndDead, member, release_dead, running, thread_of
from assistant.quotas.shards import Shard
from assistant.quotas.share import TurnShare

# A turn that is running now ends some time; a client asks again after this many seconds.
RUNNING_RETRY_SECONDS = 5.0


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

    def share(self, *, noticed: bool = False) -> TurnShare:
        """Return what the turn has taken if the claim succeeds.

        Args:
            noticed: Whether the turn tells the user that most of the day's limit is used.
        """
        shards = {shard: self._reserved.of(shard.counter) for shard in self._shards}
        return TurnShare(self._turn_id, self._thread_id, self._day, self._reserved, shards, noticed)

    def settlement(self) -> dict[str, Any]:
        """Return what gives the reservation back, for the turn's row."""
        return self.share().settlement(self._context, Amount(), 0).dump()

    def writes(self) -> list[Write]:
        """Return the writes of the claim. Their conditions fail if a limit is reached."""
        context = self._context
        live = claimed_row(context)
        live.add("running", frozenset({member(self._turn_id, self._thread_id)}))
        live.fewer("running", self._limits.concurrent_turns)
        window.enter(live, "recent", self._limits.user.turns_per_minute)
        day = Counting(Key(context.caller.partition, self._day))
        day.add("turns", 1)
        for counter, amount, limit in self._of_day():
            day.add(counter, amount)
            day.add(f"reserved_{counter}", amount)
            if limit is not None:
                day.below(counter, limit)
        shards = [shard.claim(self._reserved.of(shard.counter)) for shard in self._shards]
        return [row.write() for row in (live, day, *shards)]

    def _of_day(self) -> list[tuple[Literal["tokens", "spend"], int, int | None]]:
        """Return the counters of the day, with the reserved amounts and the limits."""
        quota, reserved = self._limits.user, self._reserved
        spend = None if quota.spend_per_day is None else millionths(quota.spend_per_day)
        return [("tokens", reserved.tokens, quota.tokens_per_day), ("spend", reserved.spend, spend)]

    async def again(self, refused: Iterable[tuple[Key, Row | None]], end_dead: EndDead) -> bool:
        """Tell whether another attempt with new `writes` may succeed.

        A full shard of the tenant has others beside it. A turn that counts as running may have lost its process.

        Args:
            refused: The rows whose conditions have failed, as they are in the table.
            end_dead: Ends a turn whose process has died.

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
            elif key == live_key(self._context):
                if self._wait(row) or not await self._has_place(row, end_dead):
                    return False
            elif row is None or not self._is_only_reserved(row) or not await self._release_dead(end_dead):
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
            if busy and any(thread_of(name) == self._thread_id for name in running(row)):
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

    async def _has_place(self, row: Row | None, end_dead: EndDead) -> bool:
        """Tell whether the user may run one more turn now, after dead turns have been removed."""
        if len(running(row)) < self._limits.concurrent_turns:
            return True  # A condition failed that holds now.
        return await release_dead(row, self._context, end_dead)

    async def _release_dead(self, end_dead: EndDead) -> bool:
        """Give back what dead turns have reserved of the user's day. Return whether there were any."""
        row = await self._context.resources.table.get(live_key(self._context))
        return await release_dead(row, self._context, end_dead)
