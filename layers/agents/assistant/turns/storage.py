"""Store a turn: its checkpoints and its end.

Every write has the condition that the turn's record still names this turn and says that it runs. If another process
has ended the turn, or the thread is deleted, the transaction fails as a whole.
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
from assistant.turns.claim import TURN_PREFIX, has_state
from assistant.turns.journal import Journal

logger = logging.getLogger(__name__)

# DynamoDB allows 4 MB a transaction. We count texts and blobs only, so we stay below.
MAX_TRANSACTION_BYTES = 3_000_000
# Writes that every last transaction needs: the turn, its key, its story, the counters and the thread.
_ENDING_WRITES = 8


class TurnLostError(Exception):
    """This process has lost the turn: another process ended it, or its thread was deleted."""


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

    async def read_record(self) -> TurnRecord:
        """Read the turn's record: its cancel flag, and whether another process follows the turn.

        Raises:
            TurnLostError: this process has lost the turn.
        """
        return self._checked(await self.context.resources.table.get(self._turn_key))

    async def checkpoint(self, journal: Journal) -> TurnRecord:
        """Store complete items as rows and unfinished items in the turn's record, and renew the lease.

        Returns:
            The record after the checkpoint.

        Raises:
            TurnLostError: this process has lost the turn.
        """
        items, removed = journal.unsaved(), journal.removed()
        journal.unsaved_since = None
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
        # A transaction returns no attributes.
        return await self.read_record()

    async def finish(
        self,
        journal: Journal,
        outcome: Outcome,
        story: dict[str, Any],
        extra_removals: Sequence[Row] = (),
        thread: ThreadMetadata | None = None,
    ) -> None:
        """Store the remaining items and end the turn, in one transaction if they fit into one.

        Args:
            journal: The turn's items, none of them pending.
            outcome: How the turn ended.
            story: Attributes of the turn's story row.
            extra_removals: Item rows to delete with the end, such as the old answer of a retry.
            thread: The thread, if its last change is not stored yet.

        Raises:
            TurnLostError: this process has lost the turn.
        """
        items, removed = journal.unsaved(), journal.removed()
        table = self.context.resources.table
        ending = self._ending(outcome, story)
        try:
            await self._store(journal, items, removed, *ending, *self._thread_writes(thread), rows=extra_removals)
        except ThreadNotFoundError:
            raise TurnLostError from None
        except ConditionFailedError:
            # If the response of the first attempt was lost, the next attempt meets the stored end.
            if not await has_state(table, self._turn_key, self.turn_id, outcome):
                if thread is None or not await has_state(table, self._turn_key, self.turn_id):
                    raise TurnLostError from None
                # Another request has changed the thread: merge the two changes first.
                await thread_store(self.context.resources).save_thread(thread, self.context)
                await self.finish(journal, outcome, story, extra_removals)
                return
        journal.saved(items, removed)
        await quotas.count_tenant_tokens(self.context, _tokens(story))
        try:
            await thread_store(self.context.resources).drop_objects(extra_removals)
        except StoreUnavailableError:
            logger.warning("objects of thread %s stay until it is deleted", self.thread_id)

    async def count_tokens(self, story: dict[str, Any]) -> None:
        """Count the tokens of a turn whose end this process cannot store.

        Update existing counters only: the claim has made the day's counter, and only an erasure of the user deletes it.
        """
        writes = _usage_writes(self.context, story)
        if writes:
            with suppress(ConditionFailedError):
                existing = [replace(write, condition="attribute_exists(pk)") for write in writes]
                await self.context.resources.table.transact(existing)
        await quotas.count_tenant_tokens(self.context, _tokens(story))

    def _thread_writes(self, thread: ThreadMetadata | None) -> list[Write]:
        if thread is None:
            return []
        row = self.context.loaded[thread.id].row
        return thread_store(self.context.resources).change(thread, row, self.context)[0]

    def _ending(self, outcome: Outcome, story: dict[str, Any]) -> list[Write]:
        """Return the writes that end the turn. The first has the condition that the turn still runs."""
        context = self.context
        writes = [
            ended_turn(self._turn_key, self.turn_id, outcome),
            Write(
                Key(self._turn_key.pk, keys.story_sk(self.turn_id)),
                put=story_row(context, self.turn_id, self.floor, outcome, story),
            ),
            *_usage_writes(context, story),
        ]
        # A turn that was cut off keeps its key, because the client sends the request again.
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
        """Write items, removals and `others` in one transaction with `fence`.

        Items that do not fit go first, in transactions that check that the turn still runs."""
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
        # The new answer is stored, so the rest of a long old answer may go in several transactions.
        while removals:
            tail: list[Write] = []
            while removals and len(tail) + len(removals[0]) <= MAX_TRANSACTION_ROWS:
                tail += removals.pop(0)
            await table.transact(tail)

    def _replaces(self, journal: Journal, item: ThreadItem) -> bool:
        """Tell whether the table may hold an earlier version of an item."""
        place = keys.own_place(item.id)
        return place is None or keys.item_sk(place) < self.floor or journal.is_stored(item.id)

    def _checked(self, row: Row | None) -> TurnRecord:
        record = load_record(row)
        if record is None or record.turn_id != self.turn_id or not record.running:
            raise TurnLostError
        return record


def _tokens(story: dict[str, Any]) -> int:
    tokens: int = story.get("input_tokens", 0) + story.get("output_tokens", 0)
    return tokens


def _usage_writes(context: RequestContext, story: dict[str, Any]) -> list[Write]:
    tokens = _tokens(story)
    return quotas.usage_writes(context, tokens) if tokens else []


def ended_turn(key: Key, turn_id: str, outcome: Outcome) -> Write:
    """Return the write that ends a running turn, with the condition that the turn still runs."""
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
    """Return the story row of a turn that ends now. All items between `floor` and `ceiling` belong to this turn."""
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
    """Return the write that deletes a derived idempotency key, so that the user may send the same message again."""
    return Write(
        key, delete=True, condition="attribute_not_exists(pk) OR turn_id = :turn_id", values={":turn_id": turn_id}
    )


def _weight(write: Write) -> int:
    values = write.values
    return len(values.get(":blob", b"")) + len(values.get(":data", "")) * 3
