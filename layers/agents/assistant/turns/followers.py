"""The requests that follow a running turn, in all processes: a set of ids in the turn's row. The newest ones stay."""

from __future__ import annotations

from typing import Any

from assistant import ids
from assistant.context import RequestContext
from assistant.quotas import limits_of
from assistant.threads import OURS, RUNNING, TurnRecord, load_record


class Follower:
    """One request that follows a turn. On Lambda it holds an invocation.

    Attributes:
        id: Its id. Ids sort by time.
    """

    def __init__(self, context: RequestContext, thread_id: str, turn_id: str) -> None:
        self.id = ids.uuid7()
        self._context = context
        self._turn_id = turn_id
        self._key = context.caller.thread(thread_id).turn_key
        self._registered = False

    @property
    def most(self) -> int:
        """The limit on the followers of a turn."""
        return limits_of(self._context).followers

    async def mark(self, watched_until: float | None = None) -> None:
        """Add this request to the turn's followers, once. The oldest ones leave the set if they are too many.

        Args:
            watched_until: The time until which the turn stores checkpoints more often; None for no change.

        Raises:
            ConditionFailedError: the turn has ended.
        """
        update, values = "", dict[str, Any]()
        if watched_until is not None:
            update, values = "SET watched = :until ", {":until": watched_until}
        if not self._registered:
            update, values = f"{update}ADD followers :me", {**values, ":me": frozenset({self.id})}
        record = await self._update(update, values)
        self._registered = True
        gone = frozenset() if record is None else record.followers - record.newest_followers(self.most)
        if gone:
            await self._update("DELETE followers :gone", {":gone": gone})

    async def _update(self, update: str, values: dict[str, Any]) -> TurnRecord | None:
        row = await self._context.resources.table.update(
            self._key,
            update,
            condition=OURS,
            names={"#state": "state"},
            values={**values, ":turn_id": self._turn_id, ":running": RUNNING},
        )
        return load_record(row)

    def is_too_old(self, turn: TurnRecord) -> bool:
        """Tell whether so many newer requests follow the turn that this one must end."""
        return self._registered and self.id not in turn.newest_followers(self.most)
