"""Running a turn: a task of its own, never the response's generator.

A client that goes away must not end a turn, so the turn belongs to nobody's request: the events of the agent are
repaired, noted in the journal and published to whoever follows; a keeper stores checkpoints and looks for a
cancel flag; at the end everything is stored before a follower is told that it is over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from chatkit.types import (
    AssistantMessageContentPartTextDelta,
    ErrorEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    ThreadUpdatedEvent,
)

from assistant import keys, observability
from assistant.context import RequestContext
from assistant.errors import AssistantError, ConflictError, StoreUnavailableError, TurnDeadlineError
from assistant.models.deadline import deadline as model_deadline
from assistant.table import Row
from assistant.threads.client import client_thread
from assistant.threads.rows import now
from assistant.threads.store import ThreadStore
from assistant.turns import ending
from assistant.turns.claim import Claimed
from assistant.turns.journal import Journal
from assistant.turns.plan import Plan
from assistant.turns.record import CHECKPOINT_SECONDS, TOUCH_SECONDS, CancelReason, Outcome
from assistant.turns.repair import EventRepair
from assistant.turns.saving import TurnLostError, TurnSaver
from assistant.turns.unit import TurnStore

logger = logging.getLogger(__name__)

# Kept back from a turn's time for storing the end of it: a few writes with their retries.
ENDING_SECONDS = 3.0
# How long a cancelled agent may take to let go of its model and its tools.
LETTING_GO_SECONDS = 2.0
# How often the end of a turn is tried to be stored when the table is out of reach.
ENDING_ATTEMPTS = 3

Respond = Callable[[Plan, ThreadMetadata, TurnStore, RequestContext], AsyncIterator[ThreadStreamEvent]]


class TurnRun:
    """One turn in this process.

    Attributes:
        turn_id: The turn.
        thread_id: Its thread.
        outcome: How it ended; None while it runs.
        error: The failure that ended it, if one did.
    """

    def __init__(self, plan: Plan, claimed: Claimed, key: str, context: RequestContext, respond: Respond) -> None:
        self.turn_id = claimed.turn_id
        self.thread_id = plan.thread_id
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self._plan = plan
        self._context = context
        self._respond = respond
        self._thread = claimed.opening.thread
        self._journal = Journal()
        self._store = TurnStore(context.resources, claimed.opening, self._journal)
        self._saver = TurnSaver(context, plan.thread_id, claimed.turn_id, key, claimed.floor)
        self._repair = EventRepair()
        self._log: list[ThreadStreamEvent] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._ending: Outcome | None = None
        self._producer: asyncio.Task[None] | None = None
        self._started_at = now()
        self._clock = time.monotonic()
        self._first_delta: float | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, first_events: list[ThreadStreamEvent]) -> asyncio.Task[None]:
        """Begin the turn's task, after publishing what is known before the agent has been loaded."""
        for event in first_events:
            self._publish(event)
        self._task = asyncio.create_task(self._run(), name=f"turn {self.turn_id}")
        return self._task

    async def wait(self) -> None:
        """Return when the turn has ended and is stored."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def stop(self, reason: CancelReason) -> None:
        """Ask the turn to end: the model's stream and running tools are cancelled, what was said is kept."""
        self._end(reason)

    def _end(self, outcome: Outcome) -> None:
        if self._ending is None:
            self._ending = outcome
            if self._producer is not None:
                self._producer.cancel()

    async def events(self) -> AsyncIterator[ThreadStreamEvent]:
        """Follow the turn from its first event to its end, whenever one begins to."""
        index = 0
        while True:
            while index < len(self._log):
                yield self._log[index]
                index += 1
            if self._task is None or self._task.done():
                return
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _publish(self, event: ThreadStreamEvent) -> None:
        if not ending.is_hidden(event):
            self._log.append(event)
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _run(self) -> None:
        self._producer = asyncio.create_task(self._produce(), name=f"agent {self.turn_id}")
        keeper = asyncio.create_task(self._keep(), name=f"keeper {self.turn_id}")
        try:
            await self._wait_for_producer(self._producer)
        except asyncio.CancelledError:
            # The process is going down: there may just be time to store what was said.
            self._end("lost")
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        try:
            await self._finish()
        except TurnLostError:
            self.outcome = "lost"
            self._publish_end("lost")
        except Exception as error:
            logger.exception("the end of turn %s could not be stored", self.turn_id)
            self.error, self.outcome = error, "failed"
            self._publish_end("failed")
        finally:
            # Followers look at the task's state once more after this.
            asyncio.get_running_loop().call_soon(self._wake)

    async def _wait_for_producer(self, producer: asyncio.Task[None]) -> None:
        """Wait for the agent, until the deadline at the most, and see to it that it has let go."""
        if self._ending is not None:
            producer.cancel()
        await asyncio.wait([producer], timeout=self._seconds_left())
        if not producer.done():
            self._end("deadline")
            producer.cancel()
            await asyncio.wait([producer], timeout=LETTING_GO_SECONDS)
        if not producer.done():
            logger.warning("the agent of turn %s does not let go", self.turn_id)
            return
        if producer.cancelled():
            self._ending = self._ending or "lost"
        elif (error := producer.exception()) is not None and self._ending is None:
            self.error = error
            self._ending = "deadline" if isinstance(error, TurnDeadlineError) else "failed"
            if not isinstance(error, AssistantError):
                logger.error("turn %s failed", self.turn_id, exc_info=error)

    def _seconds_left(self) -> float | None:
        if self._context.deadline is None:
            return None
        return max(0.0, self._context.deadline - asyncio.get_running_loop().time() - ENDING_SECONDS)

    async def _produce(self) -> None:
        thread = self._thread
        before = thread.model_copy(deep=True)
        with model_deadline(self._seconds_left()):
            async for event in self._respond(self._plan, thread, self._store, self._context):
                for repaired in self._repair(event):
                    self._journal.apply(repaired)
                    self._note_first_delta(repaired)
                    if isinstance(repaired, ErrorEvent) and self.error is None:
                        self.error = _ReportedError(repaired)
                    self._publish(repaired)
                if not isinstance(event, ThreadItemUpdatedEvent) and thread != before:
                    before = await self._save_thread(thread)
        if thread != before:
            await self._save_thread(thread)

    def _note_first_delta(self, event: ThreadStreamEvent) -> None:
        if (
            self._first_delta is None
            and isinstance(event, ThreadItemUpdatedEvent)
            and isinstance(event.update, AssistantMessageContentPartTextDelta)
        ):
            self._first_delta = time.monotonic() - self._clock

    async def _save_thread(self, thread: ThreadMetadata) -> ThreadMetadata:
        """Store what the agent changed in the thread, and tell the client."""
        await self._store.save_thread(thread, self._context)
        self._publish(ThreadUpdatedEvent(thread=client_thread(thread)))
        return thread.model_copy(deep=True)

    async def _keep(self) -> None:
        """Store checkpoints, renew the lease, and look for a cancel flag, off the path of the deltas."""
        while True:
            await asyncio.sleep(TOUCH_SECONDS)
            await self._guarded(self._saver.touch)
            await asyncio.sleep(CHECKPOINT_SECONDS - TOUCH_SECONDS)
            await self._guarded(lambda: self._saver.checkpoint(self._journal))

    async def _guarded(self, step: Callable[[], Any]) -> None:
        try:
            record = await step()
        except TurnLostError:
            self._end("lost")
            return
        except StoreUnavailableError:
            # The next one may succeed; until then the turn goes on.
            logger.warning("a checkpoint of turn %s could not be stored", self.turn_id)
            return
        if record is not None and record.cancel is not None:
            self._end(record.cancel)

    async def _finish(self) -> None:
        outcome = self._ending or ("failed" if self.error is not None else "done")
        pending = self._journal.pending()
        # A retry that failed before it said anything leaves the old answer as it was, without a mark.
        untouched = self._plan.retry_of is not None and not pending and not self._journal.done
        kept = [] if untouched and outcome != "done" else ending.kept_items(self.thread_id, pending, outcome)
        kept_ids = {item.id for item in kept}
        empty = [item.id for item in pending if item.id not in kept_ids]
        for item_id in empty:
            self._journal.remove(item_id)
        for item in kept:
            self._journal.complete(item)
        await self._store_end(outcome)
        self.outcome = outcome
        for item_id in empty:
            self._publish(ThreadItemRemovedEvent(item_id=item_id))
        for item in kept:
            self._publish(ThreadItemDoneEvent(item=item))
        self._publish_end(outcome)
        observability.turn_ended(self._context, self.thread_id, self.turn_id, outcome, self._story())

    def _publish_end(self, outcome: Outcome) -> None:
        if isinstance(self.error, _ReportedError):
            return
        for event in ending.ending_events(outcome, self.error):
            self._publish(event)

    async def _store_end(self, outcome: Outcome) -> None:
        for attempt in range(1, ENDING_ATTEMPTS + 1):
            try:
                old = await self._replaced_answer() if outcome == "done" else []
                await self._saver.finish(self._journal, outcome, self._story(), old)
                return
            except (StoreUnavailableError, ConflictError):
                if attempt == ENDING_ATTEMPTS:
                    raise
                await asyncio.sleep(attempt)

    async def _replaced_answer(self) -> list[Row]:
        """Return the rows of the answer that this turn, a retry, has replaced."""
        retried = self._plan.retry_of
        if retried is None:
            return []
        caller, table = self._context.caller, self._context.resources.table
        pk = keys.thread_partition(caller.tenant_id, caller.user_id, self.thread_id)
        row = await ThreadStore(self._context.resources).find_item(self.thread_id, retried.id, self._context)
        if row is None:
            return []
        rows: list[Row] = []
        after, more = row["sk"], True
        while more:
            found, more = await table.query(pk, between=(keys.ITEM_PREFIX, self._saver.floor), after=after, limit=100)
            rows += found
            after = found[-1]["sk"] if found else after
        return rows

    def _story(self) -> dict[str, Any]:
        report = self._context.report
        return {
            "operation": self._plan.request.type,
            "started_at": self._started_at.isoformat(),
            "seconds": round(time.monotonic() - self._clock, 3),
            "first_delta_seconds": None if self._first_delta is None else round(self._first_delta, 3),
            "provider": report.provider,
            "model": report.model,
            "input_tokens": report.input_tokens,
            "output_tokens": report.output_tokens,
            "model_calls": report.model_calls,
            "tools": report.tools,
            "error": ending.error_code(self.error),
            "items": list(self._journal.done),
        }


class _ReportedError(Exception):
    """The agent itself has told the client of an error."""

    def __init__(self, event: ErrorEvent) -> None:
        super().__init__(event.message or event.code)
        self.event = event
