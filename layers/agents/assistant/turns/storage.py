"""Writing a turn: checkpoints while it runs, and the end of it, each fenced by the turn's own record.

Every write has the condition that the turn is still ours and running. If another process took it over, or the
thread was deleted, the write fails and nothing of it is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from chatkit.types import ThreadItem, ThreadMetadata

from assistant import clock, ids, quotas
from assistant.aws import MAX_TRANSACTION_ROWS, ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key, ThreadRef
from assistant.context import RequestContext
from assistant.errors import StoreUnavailableError
from assistant.threads import (
    OURS,
    RUNNING,
    SCHEMA_VERSION,
    IdempotencyKey,
    Outcome,
    ThreadNotFoundError,
    TurnRecord,
    dump_partial,
    expiry,
    item_removal,
    lease_end,
    load_record,
    row_key,
    thread_store,
    turn_fence,
)
from assistant.turns.claim import TURN_PREFIX, is_ours
from assistant.turns.journal import Journal

logger = logging.getLogger(__name__)

# DynamoDB's limit on a transaction is 4 MB; only the texts and blobs in it are counted here.
MAX_TRANSACTION_BYTES = 3_000_000
# Room in the last transaction for the turn, its key, its story, two counters and the thread.
_ENDING_WRITES = 8


class TurnLostError(Exception):
    """The turn is not ours any more: it was taken over, or its thread was deleted."""


@dataclass(frozen=True)
class TurnSaver:
    """Stores one turn.

    Attributes:
        context: The request's context.
        thread_id: The thread.
        turn_id: The turn.
        key: Its idempotency key.
        floor: The sort key of its first item.
    """

    context: RequestContext
    thread_id: str
    turn_id: str
    key: IdempotencyKey
    floor: str

    @property
    def _thread(self) -> ThreadRef:
        return self.context.caller.thread(self.thread_id)

    @property
    def _turn_key(self) -> Key:
        caller = self.context.caller
        return caller.thread(self.thread_id).turn_key

    async def look(self) -> TurnRecord:
        """Read the turn's record: its cancel flag, and whether somebody follows it from another process.

        Raises:
            TurnLostError: the turn is not ours any more.
        """
        return self._checked(await self.context.resources.table.get(self._turn_key))

    async def checkpoint(self, journal: Journal) -> TurnRecord:
        """Store what is done, keep what is being written in the turn's record, and renew the lease.

        Returns:
            The record as it is after that.

        Raises:
            TurnLostError: the turn is not ours any more.
        """
        items, removed = journal.unsaved(), journal.removed()
        journal.unstored_since = None
        update = "SET lease = :lease, judged = :judged, #partial = :partial"
        names = {"#state": "state", "#partial": "partial"}
        values: dict[str, Any] = {
            ":turn_id": self.turn_id,
            ":running": RUNNING,
            ":lease": lease_end(),
            ":judged": self.context.report.judged,
            ":partial": dump_partial(journal.pending()),
        }
        table = self.context.resources.table
        try:
            if not items and not removed:
                return self._checked(
                    await table.update(self._turn_key, update, condition=OURS, names=names, values=values)
                )
            fence = Write(self._turn_key, update=update, condition=OURS, names=names, values=values)
            await self._store(journal, items, removed, fence)
        except (ConditionFailedError, ThreadNotFoundError):
            raise TurnLostError from None
        except BaseException:
            journal.touch()
            raise
        journal.saved(items, removed)
        # A transaction brings nothing back.
        return await self.look()

    async def finish(
        self,
        journal: Journal,
        outcome: Outcome,
        story: dict[str, Any],
        extra_removals: Sequence[Row] = (),
        thread: ThreadMetadata | None = None,
    ) -> None:
        """Store what is left and end the turn, all in one transaction where it fits.

        Args:
            journal: The turn's items; what was pending has been completed or dropped.
            outcome: How it ended.
            story: What is worth knowing of it afterwards.
            extra_removals: Rows that go when this turn has succeeded: the old answer of a retry.
            thread: The thread, if the turn has changed it at its end.

        Raises:
            TurnLostError: the turn is not ours any more.
        """
        items, removed = journal.unsaved(), journal.removed()
        table = self.context.resources.table
        ending = self._ending(outcome, story)
        try:
            await self._store(journal, items, removed, *ending, *self._thread_writes(thread), rows=extra_removals)
        except ThreadNotFoundError:
            raise TurnLostError from None
        except ConditionFailedError:
            # A repeated call meets what the first one has written, when its answer was lost on the way back.
            if not await is_ours(table, self._turn_key, self.turn_id, outcome):
                if thread is None or not await is_ours(table, self._turn_key, self.turn_id):
                    raise TurnLostError from None
                # Someone else has changed the thread meanwhile: the two changes are merged first.
                await thread_store(self.context.resources).save_thread(thread, self.context)
                await self.finish(journal, outcome, story, extra_removals)
                return
        journal.saved(items, removed)
        try:
            await thread_store(self.context.resources).drop_objects(extra_removals)
        except StoreUnavailableError:
            logger.warning("objects of thread %s stay until it is deleted", self.thread_id)

    async def count_tokens(self, story: dict[str, Any]) -> None:
        """Count what a turn has used whose end is not ours to store: its thread was deleted, or it was taken over.

        The claim has made the day's counter. One that is not there any more went with its user, and stays away.
        """
        writes = _usage_writes(self.context, story)
        if writes:
            with suppress(ConditionFailedError):
                existing = [replace(write, condition="attribute_exists(pk)") for write in writes]
                await self.context.resources.table.transact(existing)

    def _thread_writes(self, thread: ThreadMetadata | None) -> list[Write]:
        if thread is None:
            return []
        row = self.context.loaded[thread.id].row
        return thread_store(self.context.resources).change(thread, row, self.context)[0]

    def _ending(self, outcome: Outcome, story: dict[str, Any]) -> list[Write]:
        """Return the writes that end the turn; the first is the fence."""
        context = self.context
        writes = [
            ended_turn(self._turn_key, self.turn_id, outcome),
            Write(
                Key(self._turn_key.pk, keys.story_sk(self.turn_id)),
                put=story_row(context, self.turn_id, self.floor, outcome, story),
            ),
            *_usage_writes(context, story),
        ]
        # A turn that was cut off keeps its key: its client sends the request again.
        if not self.key.explicit and outcome != "lost":
            user = context.caller.partition
            writes.append(released_key(Key(user, self.key.sk), self.turn_id))
        return writes

    async def _store(
        self,
        journal: Journal,
        items: Sequence[ThreadItem],
        removed: Iterable[str],
        fence: Write,
        *others: Write,
        rows: Sequence[Row] = (),
    ) -> None:
        """Write items, removals and the rest under the fence; what does not fit goes before it, fenced as well."""
        store = thread_store(self.context.resources)
        groups = [
            await store.upsert_writes(self.thread_id, item, self.context, replaces=self._replaces(journal, item))
            for item in items
        ]
        journal.storing(items)
        gone = {row_key(row) for row in rows}
        for item_id in removed:
            row = await store.find_item(self.thread_id, item_id, self.context)
            if row is not None and row_key(row) not in gone:
                groups.append(item_removal(row))
        check = turn_fence(self._thread, self.turn_id)
        table = self.context.resources.table
        batch: list[Write] = []
        size = 0
        for group in groups:
            weight = sum(_weight(write) for write in group)
            if batch and (
                len(batch) + len(group) > MAX_TRANSACTION_ROWS - _ENDING_WRITES or size + weight > MAX_TRANSACTION_BYTES
            ):
                await table.transact([check, *batch])
                batch, size = [], 0
            batch += group
            size += weight
        removals = [item_removal(row) for row in rows]
        room = MAX_TRANSACTION_ROWS - _ENDING_WRITES - len(batch)
        while removals and len(removals[0]) <= room:
            room -= len(removals[0])
            batch += removals.pop(0)
        await table.transact([fence, *others, *batch])
        # A long tail of a retried answer: the new answer is stored, so the old one may go piece by piece.
        while removals:
            tail: list[Write] = []
            while removals and len(tail) + len(removals[0]) <= MAX_TRANSACTION_ROWS:
                tail += removals.pop(0)
            await table.transact(tail)

    def _replaces(self, journal: Journal, item: ThreadItem) -> bool:
        """Tell whether a form of an item may be stored already, by this turn or by an earlier one."""
        place = keys.own_place(item.id)
        return place is None or keys.item_sk(place) < self.floor or journal.is_stored(item.id)

    def _checked(self, row: Row | None) -> TurnRecord:
        record = load_record(row)
        if record is None or record.turn_id != self.turn_id or not record.running:
            raise TurnLostError
        return record


def _usage_writes(context: RequestContext, story: dict[str, Any]) -> list[Write]:
    tokens = story.get("input_tokens", 0) + story.get("output_tokens", 0)
    return quotas.usage_writes(context, tokens) if tokens else []


def ended_turn(key: Key, turn_id: str, outcome: Outcome) -> Write:
    """Return the write that ends a running turn, and fails if it is not running any more."""
    return Write(
        key,
        update="SET #state = :outcome, lease = :zero REMOVE #partial, cancel",
        condition=OURS,
        names={"#state": "state", "#partial": "partial"},
        values={":turn_id": turn_id, ":running": RUNNING, ":outcome": outcome, ":zero": 0},
    )


def story_row(
    context: RequestContext, turn_id: str, floor: str, outcome: Outcome, story: dict[str, Any]
) -> dict[str, Any]:
    """Return the row of a turn that ends now. Between `floor` and `ceiling` stand its items and no others."""
    return {
        "schema_version": SCHEMA_VERSION,
        "turn_id": turn_id,
        "outcome": outcome,
        "floor": floor,
        "ceiling": keys.item_sk(keys.own_place(ids.new_id(TURN_PREFIX)) or ""),
        "ended_at": clock.now().isoformat(),
        **expiry(context.settings.retention_days),
        **story,
    }


def released_key(key: Key, turn_id: str) -> Write:
    """Return the write that forgets an idempotency key of ours, so that the same words may be said again."""
    return Write(
        key, delete=True, condition="attribute_not_exists(pk) OR turn_id = :turn_id", values={":turn_id": turn_id}
    )


def _weight(write: Write) -> int:
    values = write.values
    return len(values.get(":blob", b"")) + len(values.get(":data", "")) * 3
