"""A turn's lease: the turn's process renews it, and another process may end the turn after the lease is over."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from assistant import clock, ids, quotas
from assistant.aws import ConditionFailedError, Write, keys
from assistant.aws.keys import Key
from assistant.budgets import RENEWAL_SECONDS
from assistant.context import RequestContext
from assistant.errors import StoreUnavailableError
from assistant.failures import log_failure
from assistant.threads import (
    CHECKPOINT_SECONDS,
    FLAG_POLL_SECONDS,
    FOLLOWED_CHECKPOINT_SECONDS,
    Outcome,
    TurnRecord,
    thread_store,
    unjudged_marks,
)
from assistant.turns.journal import Journal
from assistant.turns.outbox import Outbox
from assistant.turns.outcome import kept_items
from assistant.turns.storage import TurnLostError, TurnSaver, ended_turn, story_row

logger = logging.getLogger(__name__)

# If a checkpoint is due within this time after the next read of the record, the checkpoint replaces that read.
_MERGE_SECONDS = 0.25


class CheckpointLoop:
    """Store a turn's checkpoints, renew its lease, and end the turn when its record has a cancel flag.

    Args:
        turn_id: The turn, for the log.
        saver: Stores the checkpoints.
        journal: The turn's items.
        outbox: The events that wait until their items are stored.
        end: Called with the reason for ending the turn.
        stop: Called if the operator has stopped all paid calls.
        note: Called with each new version of the turn's record.
    """

    def __init__(
        self,
        turn_id: str,
        saver: TurnSaver,
        journal: Journal,
        outbox: Outbox,
        end: Callable[[Outcome], None],
        stop: Callable[[], None],
        note: Callable[[TurnRecord], None],
    ) -> None:
        self._stop = stop
        self._note = note
        self._turn_id = turn_id
        self._saver = saver
        self._journal = journal
        self._outbox = outbox
        self._end = end
        self._watched = False
        self._renewed = self._read_at = time.monotonic()

    async def run(self) -> None:
        """Store checkpoints until cancelled."""
        while True:
            read_due = self._read_at + FLAG_POLL_SECONDS
            checkpoint_due = self._due()
            comes_first = checkpoint_due <= read_due + _MERGE_SECONDS
            if await self._is_sooner(max(0.0, (checkpoint_due if comes_first else read_due) - time.monotonic())):
                continue
            if comes_first:
                self._renewed = self._read_at = time.monotonic()
                await self._step(self._saver.checkpoint(self._journal))
            else:
                self._read_at = time.monotonic()
                await self._step(self._saver.read_record())

    async def _is_sooner(self, delay: float) -> bool:
        """Wait these seconds. Return True at once if an event begins to wait, which makes a checkpoint due sooner.

        A change of an item during the wait makes a checkpoint due later than this step, never sooner.
        """
        if self._outbox.waits.is_set():
            await asyncio.sleep(delay)
            return False
        try:
            async with asyncio.timeout(delay):
                await self._outbox.waits.wait()
        except TimeoutError:
            return False
        return True

    def _due(self) -> float:
        """Return when the next checkpoint is due, by `time.monotonic`."""
        due = self._renewed + RENEWAL_SECONDS
        if self._outbox.waits.is_set():
            due = min(due, self._outbox.due)
        since = self._journal.unsaved_since
        if since is None:
            return due
        return min(due, since + (FOLLOWED_CHECKPOINT_SECONDS if self._watched else CHECKPOINT_SECONDS))

    async def _step(self, step: Awaitable[TurnRecord]) -> None:
        if await quotas.is_stopped(self._saver.context):
            self._stop()
        try:
            record = await step
        except TurnLostError:
            self._end("lost")
        except StoreUnavailableError:
            # The next checkpoint may succeed. The turn continues.
            logger.warning("a checkpoint of turn %s could not be stored", self._turn_id)
            self._outbox.failed()
        except Exception as error:
            # The loop must continue after any error: without it the lease runs out.
            log_failure(logger, f"a checkpoint of turn {self._turn_id} failed", error)
            self._outbox.failed()
        else:
            self._outbox.checkpointed()
            self._note(record)
            self._watched = record.watched > clock.now().timestamp()
            if record.cancel is not None:
                self._end(record.cancel)


async def take_over(context: RequestContext, thread_id: str, turn: TurnRecord, outcome: Outcome = "lost") -> bool:
    """End a turn whose own process does not end it.

    Keep its idempotency key: the same request, sent again, then finds that the turn has ended.

    Args:
        context: A request of the thread's owner.
        thread_id: The thread.
        turn: The turn as it was read. Its lease must not have changed since: the turn's process renews the lease with
            each checkpoint, so an unchanged lease shows that `turn.partial` is the newest version.
        outcome: The outcome to store.

    Returns:
        Whether the turn is ended now; False if it has ended before, or its process has renewed the lease.
    """
    caller = context.caller
    key = caller.thread(thread_id).turn_key
    # The marks below get their places after all items of the turn, also if its process has a faster clock.
    for sk in (turn.floor, turn.last, *(keys.item_sk(keys.own_place(item.id) or "") for item in turn.partial)):
        keys.advance_ids(sk)
    kept = kept_items(thread_id, turn.partial, outcome, retry=turn.retried is not None, language=context.language)
    if not turn.judged:
        kept += unjudged_marks(thread_id, turn.operation, turn.changed)
    store = thread_store(context.resources)
    writes = [write for item in kept for write in await store.upsert_writes(thread_id, item, context)]
    story = {
        "operation": turn.operation,
        "changed": turn.changed,
        "error": outcome if outcome == "lost" else None,
        "retried": turn.retried,
        # A dead turn ended with its lease, however late another process notices that.
        "ended_at": min(clock.now(), datetime.fromtimestamp(turn.lease, UTC)).isoformat(),
        "ended_by": ids.uuid7(),
        "settlement": turn.settlement,
    }
    row = story_row(context, turn.turn_id, turn.floor, outcome, story)
    end = ended_turn(key, turn.turn_id, outcome, row["ceiling"])
    end = replace(end, condition=f"{end.condition} AND lease = :seen", values={**end.values, ":seen": turn.lease})
    settled = quotas.Settlement.load(turn.settlement)
    try:
        story_write = Write(Key(key.pk, keys.story_sk(turn.turn_id)), put=row)
        counted = [quotas.released(context, turn.turn_id, thread_id), *settled.user_writes(context)]
        # The partial answer has words too.
        words: list[Write] = []
        if context.settings.history_search:
            from assistant.search import rebuild_work

            words = [rebuild_work(context.caller, thread_id)]
        await context.resources.table.transact([end, story_write, *counted, *writes, *words])
    except ConditionFailedError:
        return False
    await settled.count_for_tenant(context)
    # A process that died writes no line of its own. Its tokens are counted as of its last checkpoint.
    logger.warning("turn %s in thread %s was ended by another process: %s", turn.turn_id, thread_id, outcome)
    return True
