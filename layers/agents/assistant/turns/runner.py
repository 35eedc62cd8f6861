"""Run a turn as its own task.

The task is no part of a response, because a client that leaves must not end the turn. The task repairs the agent's
events, applies them to the journal and sends them to all followers. Beside it a `CheckpointLoop` stores checkpoints
and reads the cancel flag. Followers learn of the end only after the table has stored it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chatkit.types import (
    AssistantMessageContentPartTextDelta,
    ErrorEvent,
    ThreadItem,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    ThreadUpdatedEvent,
)

from assistant import clock, observability
from assistant.approvals import ApprovedCall
from assistant.aws import keys
from assistant.context import RequestContext
from assistant.errors import (
    AssistantError,
    ConflictError,
    ImportFailedError,
    ModelError,
    ModelsStoppedError,
    ModelTimeoutError,
    NotFoundError,
    StoreUnavailableError,
    TurnDeadlineError,
)
from assistant.failures import known, log_failure
from assistant.models import Meter, metered
from assistant.models import deadline as model_deadline
from assistant.observability import TurnIdentity
from assistant.quotas import limits_of, sharing, spent
from assistant.threads import (
    IdempotencyKey,
    Outcome,
    ThreadNotFoundError,
    TurnRecord,
    client_thread,
    thread_store,
    unjudged_marks,
)
from assistant.turns.after import after_turn, find_facts, turn_end
from assistant.turns.claim import Claimed
from assistant.turns.client_view import ClientView, stored_item, stored_items
from assistant.turns.events import EventLog, EventRepair
from assistant.turns.journal import Journal
from assistant.turns.lease import CheckpointLoop
from assistant.turns.outbox import Outbox
from assistant.turns.outcome import ReportedError, ending_events, error_event, error_story, kept_items
from assistant.turns.plan import Plan, unanswered_calls
from assistant.turns.retry import replaced_rows
from assistant.turns.storage import TurnLostError, TurnSaver
from assistant.turns.store import TurnStore
from assistant.turns.traced import end_trace, taken_trace

if TYPE_CHECKING:
    from assistant.search import TurnWords

logger = logging.getLogger(__name__)

# How long a cancelled agent may take to end its model call and its tools. A stop should take less than a second.
CANCEL_GRACE_SECONDS = 0.5
# How often to try to store a turn's end while the table is unavailable.
ENDING_ATTEMPTS = 3
# The removals of an edit that clients are told of. The story's row has their ids, and DynamoDB limits a row to 400 KB.
# A page that shows more items shows them until it reads the thread again.
MAX_TOLD_REMOVALS = 1_000
# Fields of the story that the log leaves out: long lists of ids, and texts for the user.
_NOT_LOGGED = {"items", "changed", "retried", "error_message"}
# A model time-out this close to the turn's deadline counts as the deadline.
_AT_DEADLINE_SECONDS = 0.5

Respond = Callable[[Plan, ThreadMetadata, TurnStore, RequestContext], AsyncGenerator[ThreadStreamEvent, None]]


class TurnRun:
    """One turn in this process.

    Attributes:
        turn_id: The turn.
        thread_id: Its thread.
        outcome: How the turn ended; None while it runs.
        error: The failure that ended the turn, if any.
    """

    def __init__(
        self, plan: Plan, claimed: Claimed, key: IdempotencyKey, context: RequestContext, respond: Respond
    ) -> None:
        self.turn_id = claimed.turn_id
        self.thread_id = plan.thread_id
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self._plan = plan
        self._context = context
        self._respond = respond
        self._thread = claimed.snapshot.thread
        # The thread in the version that is stored and sent.
        self._known_thread = self._thread.model_copy(deep=True)
        self._earlier = {item.id for item in claimed.snapshot.items}
        self._journal = Journal(claimed.snapshot.items)
        self._store = TurnStore(context.resources, claimed.snapshot, self._journal)
        self._meter = Meter()
        self._words = _words(plan, claimed, context) if context.settings.history_search else None
        self._saver = TurnSaver(
            context,
            plan.thread_id,
            claimed.turn_id,
            key,
            claimed.floor,
            claimed.share,
            self._meter,
            plan.changed,
            self._words,
        )
        self._unanswered_calls = [] if plan.user_message is None else unanswered_calls(claimed.snapshot.items)
        for item in self._unanswered_calls:
            self._journal.complete(item)
        self._repair = EventRepair()
        self._share = claimed.share
        self._log = EventLog()
        self._outbox = Outbox(self._log, self._journal)
        self._ending: Outcome | None = None
        self._end_requested = asyncio.Event()
        self._approved_call = ApprovedCall()
        self._closed = False
        # The visible items that an edited message takes with it.
        self._edited: list[str] = []
        self._started_at = clock.now()
        self._clock = time.monotonic()
        self._first_delta: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._trace = taken_trace(self.thread_id, self.turn_id)

    def start(self, first_events: list[ThreadStreamEvent]) -> asyncio.Task[None]:
        """Send the first events, which need no agent, and start the turn's task."""
        for event in first_events:
            self._log.add(event)
        for item in self._unanswered_calls:
            self._log.add(ThreadItemReplacedEvent(item=item))
        if self._words is not None:
            self._words.begin()
        self._task = asyncio.create_task(self._run(), name=f"turn {self.turn_id}")
        self._task.add_done_callback(lambda _: self._log.close())
        return self._task

    async def wait(self) -> None:
        """Wait until the turn has ended and its end is stored."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def request_end(self, outcome: Outcome) -> None:
        """Request the end of the turn: cancel the model stream and running tools, and keep the partial answer."""
        if self._ending is None:
            self._ending = outcome
            self._end_requested.set()

    def _models_stopped(self) -> None:
        if self._ending is None:
            self.error = ModelsStoppedError()
            self.request_end("failed")

    def _note_followers(self, record: TurnRecord) -> None:
        self._log.note_followers(record.followers, limits_of(self._context).followers)

    @property
    def tool(self) -> str | None:
        """The name of the tool that the turn has called last."""
        return self._context.report.latest_tool

    async def renew_lease(self) -> None:
        """Renew the turn's lease until its deadline, from any event loop."""
        deadline = self._context.deadline
        if deadline is None or time.monotonic() < deadline:
            await self._saver.renew_lease()

    def events(self) -> AsyncIterator[ThreadStreamEvent]:
        """Return all events of the turn from the first to the last, also for a follower who starts late."""
        return self._log.follow()

    def join(self, follower: str, most: int) -> AsyncIterator[ThreadStreamEvent]:
        """Return all events for one of at most so many requests that follow the turn."""
        return self._log.join(follower, most)

    async def _run(self) -> None:
        producer = asyncio.create_task(self._produce(), name=f"agent {self.turn_id}")
        checkpoints = asyncio.create_task(
            CheckpointLoop(
                self.turn_id,
                self._saver,
                self._journal,
                self._outbox,
                self.request_end,
                self._models_stopped,
                self._note_followers,
            ).run(),
            name=f"checkpoints {self.turn_id}",
        )
        try:
            await self._wait_for(producer)
        except asyncio.CancelledError:
            # The process is shutting down. Store the partial answer while there is time.
            self.request_end("lost")
            producer.cancel()
        finally:
            self._closed = True
            checkpoints.cancel()
            await asyncio.gather(checkpoints, return_exceptions=True)
        try:
            await self._finish()
        except TurnLostError:
            self.outcome = "lost"
            self._outbox.drop()
            await self._count_tokens()
            await self._publish_stored_end()
        except Exception as error:
            log_failure(logger, f"the end of turn {self.turn_id} could not be stored", error)
            self.error, self.outcome = error, "failed"
            self._outbox.drop()
            self._publish_end("failed")
        if self._words is not None:
            await self._words.close()
        story = {name: value for name, value in self._story().items() if name not in _NOT_LOGGED}
        try:
            observability.turn_ended(
                self._context.caller,
                self.thread_id,
                self.turn_id,
                self.outcome or "lost",
                story,
                salt=self._context.resources.settings.user_hash_salt,
            )
        except Exception as error:
            log_failure(logger, "a turn's line could not be written", error)
        if self._trace is not None:
            end_trace(self._trace, self.outcome or "lost", story, self._plan.user_message, self._journal)
        ended = turn_end(self.thread_id, self.turn_id, self.outcome or "lost", self._context.caller, story)
        after_turn(ended, self._context)
        find_facts(ended, self._plan.user_message, self._context)

    async def _count_tokens(self) -> None:
        """Count the tokens of an answer that is not kept."""
        try:
            await self._saver.count_tokens(self._story())
        except AssistantError:
            logger.warning("the tokens of turn %s could not be counted", self.turn_id)

    async def _publish_stored_end(self) -> None:
        """Send the client the stored items, after another process has ended the turn or the thread was deleted."""
        resources = self._context.resources
        outcome: Outcome = "lost"
        try:
            await thread_store(resources).load_thread(self.thread_id, self._context)
            thread = self._context.caller.thread(self.thread_id)
            story = await resources.table.get(keys.Key(thread.partition, keys.story_sk(self.turn_id)))
            if story is not None:
                outcome = story["outcome"]
                await self._update_client(story["ceiling"])
        except NotFoundError:
            self.error = NotFoundError("This thread was deleted.")
            self._log.add(error_event(self.error))
            return
        except AssistantError:
            logger.warning("the end of turn %s, stored by another process, could not be read", self.turn_id)
        self._publish_end(outcome)

    async def _update_client(self, ceiling: str) -> None:
        """Send the events that make the client's items equal to the table.

        Args:
            ceiling: The sort key after all items of the turn.
        """
        retried = self._plan.retried_sk
        low = self._saver.floor if retried is None else keys.after(retried)
        stored = await stored_items(self.thread_id, low, ceiling, self._context)
        view = ClientView.after(self._log.past(), self._earlier - {item.id for item in stored})
        events = view.update(stored)
        for item_id in list(view.changed):
            events += view.replace_earlier(item_id, await stored_item(self.thread_id, item_id, self._context))
        for event in events:
            self._log.add(event)

    async def _wait_for(self, producer: asyncio.Task[None]) -> None:
        """Wait for the agent until it ends, a request to end arrives, or the deadline passes; then cancel it."""
        asked = asyncio.create_task(self._end_requested.wait())
        try:
            if not self._end_requested.is_set():
                await asyncio.wait(
                    [producer, asked], timeout=self._context.seconds_left(), return_when=asyncio.FIRST_COMPLETED
                )
            if not producer.done():
                self.request_end("deadline")
                # Do not wait if another process has ended the turn, or this process shuts down.
                if self._ending != "lost":
                    await self._approved_call.wait_for_result(producer)
            if producer.done():
                # The agent has ended by itself, so the answer is complete in spite of a late stop.
                self._ending = None
            else:
                if self._ending == "deadline":
                    self.error = TurnDeadlineError()
                producer.cancel()
                await asyncio.wait([producer], timeout=CANCEL_GRACE_SECONDS)
        finally:
            asked.cancel()
        if not producer.done():
            logger.warning(
                "the agent of turn %s still runs %s s after it was cancelled", self.turn_id, CANCEL_GRACE_SECONDS
            )
            return
        if producer.cancelled():
            self.request_end("lost")
        elif (error := producer.exception()) is not None and self._ending is None:
            self.error = known(error)
            self.request_end("deadline" if self._is_deadline(error) else "failed")
            if not isinstance(error, AssistantError) or isinstance(error, ImportFailedError):
                log_failure(logger, f"turn {self.turn_id} failed", error)
            elif error.fix is not None and not isinstance(error, ModelError):
                logger.error("turn %s failed: %s", self.turn_id, error.fix)

    def _is_deadline(self, error: BaseException) -> bool:
        left = self._context.seconds_left()
        late = left is not None and left < _AT_DEADLINE_SECONDS
        return isinstance(error, TurnDeadlineError) or (late and isinstance(error, ModelTimeoutError))

    async def _produce(self) -> None:
        thread = self._thread
        with (
            model_deadline(self._context.seconds_left()),
            metered(self._meter),
            sharing(self._share),
            observability.in_turn(self._identity()),
        ):
            async with aclosing(self._respond(self._plan, thread, self._store, self._context)) as events:
                async for event in events:
                    if self._closed:
                        return  # The turn has ended. Drop the events of an agent that did not stop.
                    self._take(event)
                    if not isinstance(event, ThreadItemUpdatedEvent) and thread != self._known_thread:
                        # The transaction at the end stores a change after the last event.
                        await self._store.save_thread(thread, self._context)
                        self._publish_thread()

    def _identity(self) -> TurnIdentity:
        caller, salt = self._context.caller, self._context.resources.settings.user_hash_salt
        hashed = observability.user_hash(caller.tenant_id, caller.user_id, salt)
        return TurnIdentity(self.thread_id, self.turn_id, caller.tenant_id, hashed)

    def _take(self, event: ThreadStreamEvent) -> None:
        for repaired in self._repair(event):
            self._journal.apply(repaired)
            match repaired:
                case ThreadItemUpdatedEvent(update=update):
                    if self._first_delta is None and isinstance(update, AssistantMessageContentPartTextDelta):
                        self._first_delta = time.monotonic() - self._clock
                case ThreadItemReplacedEvent(item=item):
                    self._approved_call.take(item)
                case ErrorEvent() if self.error is None:
                    self.error = ReportedError(repaired)
            self._outbox.add(repaired)

    def _publish_thread(self) -> None:
        self._known_thread = self._thread.model_copy(deep=True)
        self._outbox.add(ThreadUpdatedEvent(thread=client_thread(self._thread)))

    async def _finish(self) -> None:
        outcome = self._ending or ("failed" if self.error is not None else "done")
        pending = self._journal.pending()
        # A retry or a click that failed before any output leaves the thread unchanged, without a mark.
        has_old_answer = self._plan.retry_of is not None or self._plan.is_action
        untouched = has_old_answer and not pending and not self._journal.done
        kept = [] if untouched and outcome != "done" else self._kept(pending, outcome)
        kept += self._unjudged(outcome)
        kept_ids = {item.id for item in kept}
        empty = [item.id for item in pending if item.id not in kept_ids]
        for item_id in empty:
            self._journal.remove(item_id)
        for item in kept:
            self._journal.complete(item)
        try:
            await self._store_end(outcome)
        except AssistantError as error:
            if error.retryable:
                raise
            # An item cannot be stored, for example because it is too large. End the turn without it.
            self.error, outcome = error, "failed"
            self._outbox.drop()
            self._journal.discard()
            kept = self._kept([], outcome) + self._unjudged(outcome)
            for item in kept:
                self._journal.complete(item)
            await self._store_end(outcome)
        self.outcome = outcome
        self._outbox.ended()
        for item_id in empty:
            self._log.add(ThreadItemRemovedEvent(item_id=item_id))
        for item in kept:
            self._log.add(ThreadItemDoneEvent(item=item))
        for item_id in self._edited:
            self._log.add(ThreadItemRemovedEvent(item_id=item_id))
        if self._plan.retry_of is not None and outcome != "done":
            # The client has removed the old answer, and the thread keeps it.
            try:
                await self._update_client(keys.new_item_sk())
            except AssistantError:
                logger.warning("the old answer in thread %s could not be sent to the client", self.thread_id)
        self._publish_end(outcome)

    def _kept(self, pending: list[ThreadItem], outcome: Outcome) -> list[ThreadItem]:
        retry = self._plan.retry_of is not None
        language = self._context.language
        return kept_items(self.thread_id, pending, outcome, self.error, retry=retry, language=language)

    def _unjudged(self, outcome: Outcome) -> list[ThreadItem]:
        # While a person answers, no agent runs, so no guardrail either.
        if (outcome == "done" and not self._plan.handled) or self._context.report.judged:
            return []
        return unjudged_marks(self.thread_id, self._plan.request.type, self._plan.changed)

    def _publish_end(self, outcome: Outcome) -> None:
        if isinstance(self.error, ReportedError):
            return
        for event in ending_events(outcome, self.error):
            self._log.add(event)

    async def _store_end(self, outcome: Outcome) -> None:
        for attempt in range(1, ENDING_ATTEMPTS + 1):
            try:
                old = await replaced_rows(self._plan, outcome, self._saver.floor, self._journal.done, self._context)
                if self._plan.edited is not None:
                    self._edited = [row["id"] for row in old if not row.get("hidden")][:MAX_TOLD_REMOVALS]
                changed = self._thread if self._thread != self._known_thread else None
                await self._saver.finish(self._journal, outcome, self._story(), old, changed)
                if changed is not None:
                    self._publish_thread()
                return
            except ThreadNotFoundError:
                raise TurnLostError from None
            except (StoreUnavailableError, ConflictError):
                if attempt == ENDING_ATTEMPTS:
                    raise
                await asyncio.sleep(attempt)

    def _story(self) -> dict[str, Any]:
        report, meter = self._context.report, self._meter
        read, written = meter.cut_off()
        return {
            "operation": self._plan.request.type,
            "retried": self._plan.retried_sk,
            "started_at": self._started_at.isoformat(),
            "seconds": round(time.monotonic() - self._clock, 3),
            "first_delta_seconds": None if self._first_delta is None else round(self._first_delta, 3),
            "provider": report.provider,
            "model": report.model,
            "input_tokens": report.input_tokens + read,
            "output_tokens": report.output_tokens + written,
            "model_calls": report.model_calls + len(meter.open),
            "pictures": meter.pictures,
            "dollars": spent(meter, self._context.settings),
            "tools": report.tools,
            "changed": self._plan.changed
            + self._edited
            + [item_id for item_id in self._journal.done if item_id in self._earlier],
            "items": list(self._journal.done),
            **error_story(self.error),
        }


def _words(plan: Plan, claimed: Claimed, context: RequestContext) -> TurnWords:
    """Return the words of a turn for the search. A deployment without the search does not load it."""
    from assistant.search import TurnWords

    new = plan.new_thread is not None
    return TurnWords(context, plan.thread_id, claimed.snapshot.items, plan.user_message, new_thread=new)
