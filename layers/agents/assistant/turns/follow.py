"""Follow a turn that runs in another process, or that has ended, by reading the table.

A follower is at most two seconds behind. It gets the same final items as the first client, but other events, because
each of its deltas is the difference between two checkpoints.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from chatkit.types import (
    StreamOptions,
    StreamOptionsEvent,
    ThreadCreatedEvent,
    ThreadItem,
    ThreadMetadata,
    ThreadStreamEvent,
)

from assistant import clock
from assistant.approvals import asks_for_approval
from assistant.aws import ConditionFailedError, Row, keys
from assistant.context import RequestContext, RunningTurn
from assistant.errors import StoreUnavailableError, TooManyFollowersError
from assistant.threads import (
    FOLLOW_MARK_SECONDS,
    Outcome,
    ThreadNotFoundError,
    TurnRecord,
    client_thread,
    is_hidden_item,
    is_visible,
    load_metadata,
    load_record,
)
from assistant.turns.client_view import ClientView, stored_item, stored_items, thread_order
from assistant.turns.followers import Follower
from assistant.turns.lease import take_over
from assistant.turns.outcome import ending_events, error_event, stored_error_event

logger = logging.getLogger(__name__)

# A followed turn stores a word within one second. With this poll a follower stays under two seconds behind.
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class _TurnView:
    """A turn at one moment.

    Attributes:
        thread: The thread's metadata.
        running: The turn's record while the turn runs; None after its end.
        story: The story row of an ended turn; None while the turn runs, and if the row has expired.
        items: The turn's complete items.
    """

    thread: ThreadMetadata
    running: TurnRecord | None
    story: Row | None
    items: list[ThreadItem]

    @property
    def operation(self) -> str | None:
        """The kind of request that the turn answers."""
        return self.running.operation if self.running else (self.story or {}).get("operation")

    @property
    def changed(self) -> list[str]:
        """The ids of the earlier items that the turn has changed."""
        return self.running.changed if self.running else (self.story or {}).get("changed", [])


class JoinedTurn:
    """A turn that another request has started in this process.

    Attributes:
        turn_id: The turn.
        thread_id: Its thread.
    """

    def __init__(self, run: RunningTurn, context: RequestContext) -> None:
        self.turn_id = run.turn_id
        self.thread_id = run.thread_id
        self._run = run
        self._follower = Follower(context, run.thread_id, run.turn_id)
        self._replaced = False

    @property
    def error(self) -> BaseException | None:
        """The failure that ended the turn, or this request, if any."""
        return TooManyFollowersError() if self._replaced else self._run.error

    async def wait(self) -> None:
        """Wait until the turn has ended and is stored. Return at once if newer followers have replaced this one."""
        if not self._replaced:
            await self._run.wait()

    async def events(self) -> AsyncIterator[ThreadStreamEvent]:
        """Follow the turn from its first event to its end."""
        try:
            # Followers in other processes count this one.
            await self._follower.mark()
        except ConditionFailedError:
            pass  # The turn has just ended.
        except StoreUnavailableError:
            logger.warning("a follower of turn %s is not counted in other processes", self.turn_id)
        try:
            async for event in self._run.join(self._follower.id, self._follower.most):
                yield event
        except TooManyFollowersError as error:
            self._replaced = True
            yield error_event(error)


class FollowedTurn:
    """A turn that runs in another process, or has ended.

    Attributes:
        turn_id: The turn.
        thread_id: Its thread.
        error: Always None. Failures arrive as events.
    """

    def __init__(self, context: RequestContext, thread_id: str, turn_id: str) -> None:
        self.turn_id = turn_id
        self.thread_id = thread_id
        self.error: BaseException | None = None
        self._context = context
        caller = context.caller
        self._pk = caller.thread(thread_id).partition
        self._first: _TurnView | None = None
        self._client = ClientView()
        # Earlier items that the turn was writing at the last read.
        self._changing: set[str] = set()
        self._watching_until = 0.0
        self._follower = Follower(context, thread_id, turn_id)

    async def prepare(self) -> None:
        """Read the turn once before the response starts.

        Raises:
            ThreadNotFoundError: the thread has been deleted.
        """
        self._first = await self._view()

    async def wait(self) -> None:
        """Return at once, because the turn does not run in this process."""

    async def events(self) -> AsyncIterator[ThreadStreamEvent]:
        """Follow the turn from its first item to its end."""
        look = self._first or await self._view()
        if look.operation == "threads.create":
            yield ThreadCreatedEvent(thread=client_thread(look.thread))
        yield StreamOptionsEvent(stream_options=StreamOptions(allow_cancel=True))
        while True:
            for event in await self._new_events(look):
                yield event
            if look.running is None:
                break
            if not look.running.alive:
                await take_over(self._context, self.thread_id, look.running)
            elif self._follower.is_too_old(look.running):
                yield error_event(TooManyFollowersError())
                return
            elif self._context.seconds_left() == 0:
                # The time of this request is over, not that of the turn. The client may send the request again.
                for event in ending_events("deadline", None):
                    yield event
                return
            else:
                await self._watch()
                await asyncio.sleep(POLL_SECONDS)
            look = await self._view()
        story = look.story or {}
        outcome: Outcome = story.get("outcome", "lost")
        if outcome == "failed":
            yield stored_error_event(story)
        else:
            for event in ending_events(outcome, None):
                yield event

    async def _view(self) -> _TurnView:
        table = self._context.resources.table
        head, _ = await table.query(self._pk, between=(keys.META_SK, keys.TURN_SK), limit=2)
        meta = next((row for row in head if row["sk"] == keys.META_SK), None)
        if meta is None or not is_visible(meta):
            raise ThreadNotFoundError(self.thread_id)
        turn = load_record(next((row for row in head if row["sk"] == keys.TURN_SK), None))
        thread = load_metadata(meta)
        if turn is not None and turn.turn_id == self.turn_id and turn.running:
            return _TurnView(thread, turn, None, await self._items(turn.floor, keys.ITEM_END))
        story = await table.get(keys.Key(self._pk, keys.story_sk(self.turn_id)))
        if story is None:
            return _TurnView(thread, None, None, [])
        low = story["floor"]
        if story.get("retried") and story["outcome"] != "done":
            # The client has removed the old answer, and the thread keeps it.
            low = keys.after(story["retried"])
        return _TurnView(thread, None, story, await self._items(low, story["ceiling"]))

    async def _items(self, low: str, high: str) -> list[ThreadItem]:
        return await stored_items(self.thread_id, low, high, self._context)

    async def _watch(self) -> None:
        """Mark the turn as followed, so that it stores checkpoints more often."""
        moment = clock.now().timestamp()
        if moment < self._watching_until - FOLLOW_MARK_SECONDS / 2:
            return
        self._watching_until = moment + FOLLOW_MARK_SECONDS
        with suppress(ConditionFailedError):  # The turn has just ended.
            await self._follower.mark(self._watching_until)

    async def _new_events(self, view: _TurnView) -> list[ThreadStreamEvent]:
        """Return the events since the last read."""
        events: list[ThreadStreamEvent] = []
        floor = view.running.floor if view.running else ""
        partial = {item.id: item for item in view.running.partial if not is_hidden_item(item)} if view.running else {}
        for item_id in view.changed:
            # While the turn runs, read an earlier item once, and the card of a call until it shows the decision. At the
            # end read all of them again.
            known = self._client.changed.get(item_id)
            if known is None or asks_for_approval(known) or view.running is None:
                stored = await stored_item(self.thread_id, item_id, self._context)
                if stored is None or not is_hidden_item(stored):
                    events += self._client.replace_earlier(item_id, stored)
        own: dict[str, ThreadItem] = {}
        for item in partial.values():
            place = keys.own_place(item.id)
            if place is None or keys.item_sk(place) >= floor:
                own[item.id] = item
            else:
                events += self._client.replace_earlier(item.id, item)
        self._changing |= partial.keys() - own.keys()
        for item_id in self._changing - partial.keys():
            self._changing.discard(item_id)
            events += self._client.replace_earlier(item_id, await stored_item(self.thread_id, item_id, self._context))
        items = sorted(({item.id: item for item in view.items} | own).values(), key=thread_order)
        return events + self._client.update(items, own)
