"""A turn's lease: the turn's process renews it, and another process may end a turn whose lease is over."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from assistant import clock
from assistant.aws import ConditionFailedError, Write, keys
from assistant.aws.keys import Key
from assistant.budgets import RENEWAL_SECONDS
from assistant.context import RequestContext
from assistant.errors import StoreUnavailableError
from assistant.observability import log_failure
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
        end: Called with the reason for ending the turn.
    """

    def __init__(self, turn_id: str, saver: TurnSaver, journal: Journal, end: Callable[[Outcome], None]) -> None:
        self._turn_id = turn_id
        self._saver = saver
        self._journal = journal
        self._end = end
        self._watched = False
        self._renewed = self._read_at = time.monotonic()

    async def run(self) -> None:
        """Store checkpoints until cancelled."""
        while True:
            read_due = self._read_at + FLAG_POLL_SECONDS
            checkpoint_due = self._due()
            comes_first = checkpoint_due <= read_due + _MERGE_SECONDS
            await asyncio.sleep(max(0.0, (checkpoint_due if comes_first else read_due) - time.monotonic()))
            # A change during the sleep is due later than this step, never sooner.
            if comes_first:
                self._renewed = self._read_at = time.monotonic()
                await self._step(self._saver.checkpoint(self._journal))
            else:
                self._read_at = time.monotonic()
                await self._step(self._saver.read_record())

    def _due(self) -> float:
        """Return when the next checkpoint is due, by `time.monotonic`."""
        since = self._journal.unsaved_since
        if since is None:
            return self._renewed + RENEWAL_SECONDS
        due = since + (FOLLOWED_CHECKPOINT_SECONDS if self._watched else CHECKPOINT_SECONDS)
        return min(due, self._renewed + RENEWAL_SECONDS)

    async def _step(self, step: Awaitable[TurnRecord]) -> None:
        try:
            record = await step
        except TurnLostError:
            self._end("lost")
        except StoreUnavailableError:
            # The next checkpoint may succeed. The turn continues.
            logger.warning("a checkpoint of turn %s could not be stored", self._turn_id)
        except Exception as error:
            # The loop must continue after any error: without it the lease runs out.
            log_failure(logger, f"a checkpoint of turn {self._turn_id} failed", error)
        else:
            self._watched = record.watched > clock.now().timestamp()
            if record.cancel is not None:
                self._end(record.cancel)


async def take_over(context: RequestContext, thread_id: str, turn: TurnRecord, outcome: Outcome = "lost") -> None:
    """End a turn whose own process does not end it.

    Keep its idempotency key: the same request, sent again, then finds that the turn has ended.

    Args:
        context: A request of the thread's owner.
        thread_id: The thread.
        turn: The turn as it was read. A turn that is ended as `lost` must still have the same lease.
        outcome: The outcome to store.
    """
    caller = context.caller
    key = caller.thread(thread_id).turn_key
    end = ended_turn(key, turn.turn_id, outcome)
    if outcome == "lost":
        end = Write(
            key,
            update=end.update,
            condition=f"{end.condition} AND lease = :seen",
            names=end.names,
            values={**end.values, ":seen": turn.lease},
        )
    kept = kept_items(thread_id, turn.partial, outcome)
    if not turn.judged:
        kept += unjudged_marks(thread_id, turn.operation, turn.changed)
    store = thread_store(context.resources)
    writes = [write for item in kept for write in await store.upsert_writes(thread_id, item, context)]
    story = {"operation": turn.operation, "changed": turn.changed, "error": outcome if outcome == "lost" else None}
    row = story_row(context, turn.turn_id, turn.floor, outcome, story)
    try:
        await context.resources.table.transact([end, Write(Key(key.pk, keys.story_sk(turn.turn_id)), put=row), *writes])
    except ConditionFailedError:
        return  # The turn has ended, or its process has renewed the lease.
