"""A turn's lease: the process that runs the turn renews it; another process takes over a turn whose lease ran out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from assistant import clock
from assistant.aws import ConditionFailedError, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import StoreUnavailableError
from assistant.observability import log_failure
from assistant.threads import (
    CHECKPOINT_SECONDS,
    RENEWAL_SECONDS,
    TOUCH_SECONDS,
    WATCHED_CHECKPOINT_SECONDS,
    Outcome,
    TurnRecord,
    thread_store,
    unjudged_marks,
)
from assistant.turns.journal import Journal
from assistant.turns.outcome import kept_items
from assistant.turns.storage import TurnLostError, TurnSaver, ended_turn, story_row

logger = logging.getLogger(__name__)

# A checkpoint that is due this soon after the next look takes its place.
_SAME_TIME_SECONDS = 0.25


class Keeper:
    """Stores checkpoints of a turn and ends it where its record says so.

    Args:
        turn_id: The turn, for the log.
        saver: Writes.
        journal: What the turn has said.
        end: Called with the reason when the turn is to end.
    """

    def __init__(self, turn_id: str, saver: TurnSaver, journal: Journal, end: Callable[[Outcome], None]) -> None:
        self._turn_id = turn_id
        self._saver = saver
        self._journal = journal
        self._end = end
        self._watched = False
        self._renewed = self._looked = time.monotonic()

    async def run(self) -> None:
        """Keep the turn until cancelled."""
        while True:
            look_at = self._looked + TOUCH_SECONDS
            checkpoint_at = self._due()
            comes_first = checkpoint_at <= look_at + _SAME_TIME_SECONDS
            await asyncio.sleep(max(0.0, (checkpoint_at if comes_first else look_at) - time.monotonic()))
            # What has changed meanwhile is due later than this, never sooner.
            if comes_first:
                self._renewed = self._looked = time.monotonic()
                await self._guarded(self._saver.checkpoint(self._journal))
            else:
                self._looked = time.monotonic()
                await self._guarded(self._saver.look())

    def _due(self) -> float:
        """Return when the next checkpoint is due, by `time.monotonic`."""
        since = self._journal.unstored_since
        if since is None:
            return self._renewed + RENEWAL_SECONDS
        due = since + (WATCHED_CHECKPOINT_SECONDS if self._watched else CHECKPOINT_SECONDS)
        return min(due, self._renewed + RENEWAL_SECONDS)

    async def _guarded(self, step: Awaitable[TurnRecord]) -> None:
        try:
            record = await step
        except TurnLostError:
            self._end("lost")
        except StoreUnavailableError:
            # The next one may succeed; until then the turn goes on.
            logger.warning("a checkpoint of turn %s could not be stored", self._turn_id)
        except Exception as error:
            # Whatever it is, a turn must not lose its keeper: without one its lease would run out.
            log_failure(logger, f"a checkpoint of turn {self._turn_id} failed", error)
        else:
            self._watched = record.watched > clock.now().timestamp()
            if record.cancel is not None:
                self._end(record.cancel)


async def take_over(context: RequestContext, thread_id: str, turn: TurnRecord, outcome: Outcome = "lost") -> None:
    """End a turn from outside, unless it has meanwhile ended or moved on.

    Its idempotency key is left as it is: whoever comes with it finds that the turn is over.

    Args:
        context: A request of the thread's owner.
        thread_id: The thread.
        turn: The turn as it was read. One that is ended as `lost` must still have the same lease.
        outcome: How it ended.
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
        return  # It has ended by itself, or it lives after all.
