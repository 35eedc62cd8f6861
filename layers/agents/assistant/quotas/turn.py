"""What a turn takes of its user's and its tenant's limits: checked and counted by its claim, settled at its end."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from assistant import clock
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import QuotaExceededError, StoreUnavailableError, TooManyTurnsError
from assistant.quotas import window
from assistant.quotas.rows import Counting, until_tomorrow
from assistant.quotas.shards import Shard
from assistant.threads import load_record

logger = logging.getLogger(__name__)

# A turn that is running now ends some time; a client asks again after this many seconds.
RUNNING_RETRY_SECONDS = 5.0


def _member(turn_id: str, thread_id: str) -> str:
    """Return a running turn as the user's row names it. No id of ours contains a space."""
    return f"{turn_id} {thread_id}"


def _thread_of(member: str) -> str:
    return member.partition(" ")[2]


def live_key(context: RequestContext) -> Key:
    """Return the key of the row with the user's running turns and the times of the last ones."""
    return Key(context.caller.partition, keys.LIVE_SK)


@dataclass(frozen=True)
class TurnShare:
    """What a claimed turn has taken, for its end.

    Attributes:
        turn_id: The turn.
        thread_id: Its thread.
        shards: The rows of the tenant's counters that the claim has written.
    """

    turn_id: str
    thread_id: str
    shards: tuple[Shard, ...] = ()

    def end_writes(self, context: RequestContext, tokens: int) -> list[Write]:
        """Return the writes that end a turn: it no longer runs, and its tokens are counted for the user."""
        return [released(context, self.turn_id, self.thread_id), *_day_writes(context, tokens)]

    async def count_for_tenant(self, context: RequestContext, tokens: int) -> None:
        """Count the tokens of a turn for its tenant, if the tenant has a limit.

        The count is not part of the transaction that ends the turn, because all users of the tenant write these rows.
        If the process dies in between, or the table is unavailable, the tokens stay uncounted for the tenant.
        """
        table = context.resources.table
        for shard in self.shards:
            row = shard.row()
            if shard.counter == "turns":
                window.shorten(row, "recent", shard.share)
            elif tokens:
                row.add("tokens", tokens)
            else:
                continue
            write = row.write()
            try:
                await table.update(write.key, write.update or "", names=write.names, values=write.values)
            except StoreUnavailableError:
                logger.warning("%d tokens of tenant %s could not be counted", tokens, context.caller.tenant_id)


def released(context: RequestContext, turn_id: str, thread_id: str) -> Write:
    """Return the write after which a turn no longer counts as running."""
    row = Counting(live_key(context))
    row.remove_members("running", frozenset({_member(turn_id, thread_id)}))
    window.shorten(row, "recent", context.settings.user_quota.turns_per_minute)
    return row.write()


def _day_writes(context: RequestContext, tokens: int) -> list[Write]:
    if not tokens:
        return []
    row = Counting(Key(context.caller.partition, keys.day_usage_sk(clock.now())))
    row.add("tokens", tokens)
    return [row.write()]


class TurnClaim:
    """The quota's part of a turn's claim.

    Args:
        turn_id: The turn.
        thread_id: Its thread.
        context: The request's context.
    """

    def __init__(self, turn_id: str, thread_id: str, context: RequestContext) -> None:
        self._turn_id = turn_id
        self._thread_id = thread_id
        self._context = context
        tenant_id, quota = context.caller.tenant_id, context.settings.tenant_quota
        self._shards: list[Shard] = []
        if quota.turns_per_minute is not None:
            self._shards.append(Shard.chosen(tenant_id, "turns", quota.turns_per_minute))
        if quota.tokens_per_day is not None:
            self._shards.append(Shard.chosen(tenant_id, "tokens", quota.tokens_per_day))

    @property
    def share(self) -> TurnShare:
        """What the turn has taken, after its claim has succeeded."""
        return TurnShare(self._turn_id, self._thread_id, tuple(self._shards))

    def writes(self) -> list[Write]:
        """Return the writes of the claim. Their conditions fail if a limit is reached."""
        context = self._context
        quota, pk = context.settings.user_quota, context.caller.partition
        live = Counting(live_key(context))
        live.add("running", frozenset({_member(self._turn_id, self._thread_id)}))
        live.fewer("running", context.settings.max_concurrent_turns)
        window.enter(live, "recent", quota.turns_per_minute)
        day = Counting(Key(pk, keys.day_usage_sk(clock.now())))
        day.add("turns", 1)
        if quota.tokens_per_day is not None:
            day.below("tokens", quota.tokens_per_day)
        return [row.write() for row in (live, day, *(shard.claim() for shard in self._shards))]

    async def again(self, refused: Iterable[tuple[Key, Row | None]]) -> bool:
        """Tell whether another attempt with new `writes` may succeed.

        A full shard of the tenant has others beside it. A turn that counts as running may have lost its process.

        Args:
            refused: The rows whose conditions have failed, as they are in the table.
        """
        for key, row in refused:
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
        """
        if key == live_key(self._context):
            wait = self._wait(row)
            if wait:
                return QuotaExceededError(retry_after=wait)
            if busy and any(_thread_of(member) == self._thread_id for member in _running(row)):
                return None
            return TooManyTurnsError(retry_after=RUNNING_RETRY_SECONDS)
        if any(key == shard.key and shard.counter == "turns" for shard in self._shards):
            return QuotaExceededError(retry_after=window.WINDOW_SECONDS)
        return QuotaExceededError(retry_after=until_tomorrow())

    def _wait(self, row: Row | None) -> float:
        return window.seconds_to_wait(row or {}, "recent", self._context.settings.user_quota.turns_per_minute)

    async def _release_dead(self, row: Row | None) -> bool:
        """Remove turns that no process runs from the user's running turns. Return whether there were any."""
        context, members = self._context, _running(row)
        if len(members) < context.settings.max_concurrent_turns:
            return True  # A condition failed that holds now.
        places = {member: context.caller.thread(_thread_of(member)).turn_key for member in members}
        found = await context.resources.table.get_many(list(places.values()))
        dead = frozenset(member for member, place in places.items() if not _is_alive(member, found.get(place)))
        if not dead:
            return False
        change = Counting(live_key(context))
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
