"""Store a turn: its checkpoints and its end.

Every write has the condition that the turn's record still names this turn and says that it runs. If another process
has ended the turn, or the thread is deleted, the transaction fails as a whole.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chatkit.types import ThreadItem, ThreadMetadata

from assistant import clock, ids
from assistant.aws import MAX_TRANSACTION_ROWS, ConditionFailedError, Row, Table, Write, keys
from assistant.aws.keys import Key, ThreadRef
from assistant.context import RequestContext
from assistant.errors import StoreUnavailableError
from assistant.models import Meter
from assistant.prices import millionths
from assistant.quotas import Amount, Settlement, TurnShare, released, used_by_model, used_so_far
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
    remove_replaced,
    replaced_items,
    row_key,
    thread_store,
    turn_fence,
)
from assistant.turns.journal import Journal

if TYPE_CHECKING:
    from assistant.search import TurnWords

logger = logging.getLogger(__name__)

# DynamoDB allows 4 MB a transaction. We count texts and blobs only, so we stay below.
MAX_TRANSACTION_BYTES = 3_000_000
# Writes that every last transaction needs: the turn, its key, its story, the user's counters, the thread, its words.
_ENDING_WRITES = 12
# Writes for the sweep, if an old answer is too long for the transaction: each names 2,000 items.
_WORK_WRITES = 5


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
        share: What the turn has taken of the limits.
        meter: What the turn uses.
        changed: The ids of the earlier items that the claim has changed.
        words: The words of the turn for the search, if it is on.
        writer: This process's token in the story of a turn that it has ended.
    """

    context: RequestContext
    thread_id: str
    turn_id: str
    key: IdempotencyKey
    floor: str
    share: TurnShare
    meter: Meter
    changed: Sequence[str] = ()
    words: TurnWords | None = None
    writer: str = field(default_factory=ids.uuid7)

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

    async def renew_lease(self) -> None:
        """Renew the lease and change nothing else."""
        table, fence = self.context.resources.table, turn_fence(self._thread, self.turn_id)
        with suppress(ConditionFailedError):  # The checkpoint loop finds out that the turn is lost.
            await table.update(
                fence.key,
                "SET lease = :lease",
                condition=OURS,
                names=fence.names,
                values={**fence.values, ":lease": lease_end()},
            )

    async def checkpoint(self, journal: Journal) -> TurnRecord:
        """Store complete items as rows and unfinished items in the turn's record, and renew the lease.

        Returns:
            The record after the checkpoint.

        Raises:
            TurnLostError: this process has lost the turn.
        """
        items, removed = journal.unsaved(), journal.removed()
        journal.unsaved_since = None
        fence = self._checkpoint_write(journal.pending(), journal)
        table = self.context.resources.table
        try:
            if not items and not removed:
                return self._checked(
                    await table.update(
                        fence.key, fence.update or "", condition=OURS, names=fence.names, values=fence.values
                    )
                )
            await self._store(journal, items, removed, fence)
        except (ConditionFailedError, ThreadNotFoundError):
            raise TurnLostError from None
        except BaseException:
            journal.touch()
            raise
        journal.saved(items, removed)
        # A transaction returns no attributes.
        return await self.read_record()

    def _checkpoint_write(self, partial: Sequence[ThreadItem], journal: Journal) -> Write:
        """Return the write of the turn's record that goes with each transaction of a running turn.

        It changes the lease, so no process can take the turn over with items that it has read before.
        """
        values: dict[str, Any] = {
            ":turn_id": self.turn_id,
            ":running": RUNNING,
            ":lease": lease_end(),
            ":judged": self.context.report.judged,
            ":partial": dump_partial(partial),
            ":changed": [*self.changed, *journal.changed_earlier(self.changed)],
            ":last": keys.new_item_sk(),
            ":settlement": self.share.settlement(
                self.context, used_so_far(self.meter, self.context.settings), self.meter.pictures, self._by_model()
            ).dump(),
        }
        return Write(
            self._turn_key,
            update="SET lease = :lease, judged = :judged, #partial = :partial, changed = :changed, #last = :last, "
            "settlement = :settlement",
            condition=OURS,
            names={"#state": "state", "#partial": "partial", "#last": "last"},
            values=values,
        )

    def _settlement(self, story: dict[str, Any]) -> Settlement:
        return self.share.settlement(self.context, _used(story), story.get("pictures", 0), self._by_model())

    def _by_model(self) -> dict[str, Amount]:
        return used_by_model(self.meter, self.context.settings)

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
        ending = [*self._ending(outcome, story), *self._thread_writes(thread)]
        words: list[Write] = []
        if self.words is not None:
            removes = bool(extra_removals) or bool(removed)
            words = await self.words.writes(list(journal.done.values()), removes=removes)
        try:
            await self._store(journal, items, removed, *ending, *words, rows=extra_removals)
        except ThreadNotFoundError:
            raise TurnLostError from None
        except ConditionFailedError as error:
            if words and self.words is not None and self.words.read_again(error, len(ending)):
                await self.finish(journal, outcome, story, extra_removals, thread)
                return
            # If the response of the first attempt was lost, the next attempt meets the stored end.
            if not await self._has_ended():
                if thread is None or not await runs(table, self._turn_key, self.turn_id):
                    raise TurnLostError from None
                # Another request has changed the thread: merge the two changes first.
                await thread_store(self.context.resources).save_thread(thread, self.context)
                await self.finish(journal, outcome, story, extra_removals)
                return
        journal.saved(items, removed)
        await self._settlement(story).count_for_tenant(self.context)
        await self.share.shorten_logs(self.context)
        try:
            await thread_store(self.context.resources).drop_objects(extra_removals)
        except StoreUnavailableError:
            logger.warning("objects of thread %s stay until it is deleted", self.thread_id)

    async def _has_ended(self) -> bool:
        """Tell whether this process has stored the turn's end. Another process may have stored the same outcome."""
        story = await self.context.resources.table.get(Key(self._turn_key.pk, keys.story_sk(self.turn_id)))
        return story is not None and story.get("ended_by") == self.writer

    async def count_tokens(self, story: dict[str, Any]) -> None:
        """Count the tokens of a turn whose end this process cannot store.

        The process that has ended the turn has counted them as of the last checkpoint, unless the thread was deleted.
        Update existing rows only: the claim has made them, and only an erasure of the user deletes them.
        """
        context, table = self.context, self.context.resources.table
        ended = await table.get(Key(self._turn_key.pk, keys.story_sk(self.turn_id))) or {}
        rest = self._settlement(story).minus(Settlement.load(ended.get("settlement")))
        writes = [released(context, self.turn_id, self.thread_id), *rest.user_writes(context)]
        with suppress(ConditionFailedError):
            await table.transact([replace(write, condition="attribute_exists(pk)") for write in writes])
        await rest.count_for_tenant(context)
        await self.share.shorten_logs(context)

    def _thread_writes(self, thread: ThreadMetadata | None) -> list[Write]:
        if thread is None:
            return []
        row = self.context.loaded[thread.id].row
        return thread_store(self.context.resources).change(thread, row, self.context)[0]

    def _ending(self, outcome: Outcome, story: dict[str, Any]) -> list[Write]:
        """Return the writes that end the turn. The first has the condition that the turn still runs."""
        context = self.context
        row = story_row(context, self.turn_id, self.floor, outcome, {**story, "ended_by": self.writer})
        writes = [
            ended_turn(self._turn_key, self.turn_id, outcome, row["ceiling"]),
            Write(Key(self._turn_key.pk, keys.story_sk(self.turn_id)), put=row),
            released(context, self.turn_id, self.thread_id),
            *self._settlement(story).user_writes(context),
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

        Items that do not fit go first, in transactions that check that the turn still runs.
        """
        store = thread_store(self.context.resources)
        groups: list[tuple[ThreadItem | None, list[Write]]] = []
        for item in items:
            replaces = self._replaces(journal, item)
            groups.append((item, await store.upsert_writes(self.thread_id, item, self.context, replaces=replaces)))
        journal.storing(items)
        gone = {row_key(row) for row in rows}
        for item_id in removed:
            row = await store.find_item(self.thread_id, item_id, self.context)
            if row is not None and row_key(row) not in gone:
                groups.append((None, item_removal(row)))
        table = self.context.resources.table
        batch: list[Write] = []
        size = 0
        for index, (_, group) in enumerate(groups):
            weight = sum(_weight(write) for write in group)
            if batch and (
                len(batch) + len(group) > MAX_TRANSACTION_ROWS - _ENDING_WRITES or size + weight > MAX_TRANSACTION_BYTES
            ):
                # The record keeps the items that the next transactions store, in case the process dies before them.
                rest = [item for item, _ in groups[index:] if item is not None]
                await table.transact([self._checkpoint_write([*rest, *journal.pending()], journal), *batch])
                batch, size = [], 0
            batch += group
            size += weight
        removals = [item_removal(row) for row in rows]
        room = MAX_TRANSACTION_ROWS - _ENDING_WRITES - _WORK_WRITES - len(batch)
        while removals and len(removals[0]) <= room:
            room -= len(removals[0])
            batch += removals.pop(0)
        if not removals:
            await table.transact([fence, *others, *batch])
            return
        # Further transactions remove the rest of a long old answer. The sweep repeats them if this process fails.
        works = replaced_items(self._thread, rows[-len(removals) :])
        await table.transact([fence, *others, *batch, *works])
        try:
            for work in works:
                await remove_replaced(self.context.resources, dict(work.put or {}))
                await table.delete(work.key)
        except StoreUnavailableError:
            logger.warning("the sweep removes the rest of the old answer in thread %s", self.thread_id)

    def _replaces(self, journal: Journal, item: ThreadItem) -> bool:
        """Tell whether the table may hold an earlier version of an item."""
        place = keys.own_place(item.id)
        return place is None or keys.item_sk(place) < self.floor or journal.is_stored(item.id)

    def _checked(self, row: Row | None) -> TurnRecord:
        record = load_record(row)
        if record is None or record.turn_id != self.turn_id or not record.running:
            raise TurnLostError
        return record


async def runs(table: Table, key: Key, turn_id: str) -> bool:
    """Tell whether a thread's newest turn is `turn_id` and is running."""
    record = load_record(await table.get(key))
    return record is not None and record.turn_id == turn_id and record.running


def _used(story: dict[str, Any]) -> Amount:
    return Amount(story.get("input_tokens", 0) + story.get("output_tokens", 0), millionths(story.get("dollars", 0.0)))


def ended_turn(key: Key, turn_id: str, outcome: Outcome, last: str) -> Write:
    """Return the write that ends a running turn, with the condition that the turn still runs.

    Args:
        key: The key of the turn's row.
        turn_id: The turn.
        outcome: How it ends.
        last: A sort key after all items of the turn.
    """
    return Write(
        key,
        update="SET #state = :outcome, lease = :zero, #last = :last REMOVE #partial, cancel, settlement",
        condition=OURS,
        names={"#state": "state", "#partial": "partial", "#last": "last"},
        values={
            ":turn_id": turn_id,
            ":running": RUNNING,
            ":outcome": outcome,
            ":zero": 0,
            ":last": last,
        },
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
        "ceiling": keys.new_item_sk(),
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
