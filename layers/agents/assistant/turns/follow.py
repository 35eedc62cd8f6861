"""Following a turn that runs in another process, or that has ended: from the table, at most two seconds behind.

What a follower gets is equivalent to what the first client got, not equal byte by byte: deltas are the difference
between two checkpoints.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from chatkit.types import (
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    StreamOptions,
    StreamOptionsEvent,
    ThreadCreatedEvent,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
)

from assistant import clock
from assistant.aws import ConditionFailedError, Row, keys
from assistant.context import RequestContext
from assistant.threads import (
    RUNNING,
    WATCH_SECONDS,
    Outcome,
    ThreadNotFoundError,
    TurnRecord,
    client_thread,
    is_hidden,
    is_visible,
    load_metadata,
    load_record,
    thread_store,
)
from assistant.turns.lease import take_over
from assistant.turns.outcome import ending_events, stored_error_event

# With the checkpoint of a turn that is followed, a second after a word, this stays under two seconds.
POLL_SECONDS = 0.5
# Rows of a thread that are read at once: more than most turns have.
PAGE_ROWS = 50


@dataclass(frozen=True)
class _Look:
    """A turn at one moment.

    Attributes:
        thread: The thread's metadata.
        running: The turn's record, while it runs.
        story: What is known of it when it has ended; None also where it left none.
        items: Its items that are complete.
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
        """The earlier items that the turn has changed, as far as it is known."""
        return self.running.changed if self.running else (self.story or {}).get("changed", [])


class FollowedTurn:
    """A turn of another process, or of the past.

    Attributes:
        turn_id: The turn.
        thread_id: Its thread.
        error: None: what went wrong comes as an event.
    """

    def __init__(self, context: RequestContext, thread_id: str, turn_id: str) -> None:
        self.turn_id = turn_id
        self.thread_id = thread_id
        self.error: BaseException | None = None
        self._context = context
        caller = context.caller
        self._pk = caller.thread(thread_id).partition
        self._store = thread_store(context.resources)
        self._first: _Look | None = None
        self._sent: dict[str, ThreadItem] = {}
        self._done: set[str] = set()
        self._replaced: set[str] = set()
        self._watching_until = 0.0

    async def prepare(self) -> None:
        """Look for the first time, before the answer to the request begins.

        Raises:
            ThreadNotFoundError: the thread has been deleted.
        """
        self._first = await self._look()

    async def wait(self) -> None:
        """Return at once: the turn does not run in this process."""

    async def events(self) -> AsyncIterator[ThreadStreamEvent]:
        """Follow the turn from its first item to its end."""
        look = self._first or await self._look()
        if look.operation == "threads.create":
            yield ThreadCreatedEvent(thread=client_thread(look.thread))
        yield StreamOptionsEvent(stream_options=StreamOptions(allow_cancel=True))
        while True:
            for event in await self._news(look):
                yield event
            if look.running is None:
                break
            if not look.running.alive:
                await take_over(self._context, self.thread_id, look.running)
            elif self._context.seconds_left() == 0:
                # The turn has the time of its own request. This one's is over, and its client may send it again.
                for event in ending_events("deadline", None):
                    yield event
                return
            else:
                await self._watch()
                await asyncio.sleep(POLL_SECONDS)
            look = await self._look()
        story = look.story or {}
        outcome: Outcome = story.get("outcome", "lost")
        if outcome == "failed":
            yield stored_error_event(story)
        else:
            for event in ending_events(outcome, None):
                yield event

    async def _look(self) -> _Look:
        table = self._context.resources.table
        head, _ = await table.query(self._pk, between=(keys.META_SK, keys.TURN_SK), limit=2)
        meta = next((row for row in head if row["sk"] == keys.META_SK), None)
        if meta is None or not is_visible(meta):
            raise ThreadNotFoundError(self.thread_id)
        turn = load_record(next((row for row in head if row["sk"] == keys.TURN_SK), None))
        thread = load_metadata(meta)
        if turn is not None and turn.turn_id == self.turn_id and turn.running:
            return _Look(thread, turn, None, await self._items(turn.floor, keys.ITEM_END))
        story = await table.get(keys.Key(self._pk, keys.story_sk(self.turn_id)))
        items = [] if story is None else await self._items(story["floor"], story["ceiling"])
        return _Look(thread, None, story, items)

    async def _items(self, low: str, high: str) -> list[ThreadItem]:
        rows = self._context.resources.table.rows(self._pk, between=(low, high), page=PAGE_ROWS)
        return await self._store.decode_items([row async for row in rows if is_visible(row)])

    async def _watch(self) -> None:
        """Have the turn store what it says more often while it is followed."""
        moment = clock.now().timestamp()
        if moment < self._watching_until - WATCH_SECONDS / 2:
            return
        self._watching_until = moment + WATCH_SECONDS
        caller = self._context.caller
        with suppress(ConditionFailedError):  # It has just ended.
            await self._context.resources.table.update(
                caller.thread(self.thread_id).turn_key,
                "SET watched = :until",
                condition="turn_id = :turn_id AND #state = :running",
                names={"#state": "state"},
                values={":until": self._watching_until, ":turn_id": self.turn_id, ":running": RUNNING},
            )

    async def _news(self, look: _Look) -> list[ThreadStreamEvent]:
        """Return what has come since the last look."""
        events: list[ThreadStreamEvent] = []
        for item_id in look.changed:
            if item_id not in self._replaced:
                self._replaced.add(item_id)
                events.append(await self._as_stored(item_id))
        for item in look.items:
            if item.id not in self._done:
                self._done.add(item.id)
                self._sent.pop(item.id, None)
                events.append(ThreadItemDoneEvent(item=item))
        partial = look.running.partial if look.running else []
        floor = look.running.floor if look.running else ""
        for item in partial:
            if item.id not in self._done:
                events += _growth(self._sent.get(item.id), item, floor)
                self._sent[item.id] = item
        for item_id in self._sent.keys() - {item.id for item in partial}:
            # An empty item that has been dropped, or an earlier one that is complete again.
            del self._sent[item_id]
            events.append(await self._as_stored(item_id))
        return [event for event in events if not is_hidden(event)]

    async def _as_stored(self, item_id: str) -> ThreadStreamEvent:
        try:
            item = await self._store.load_item(self.thread_id, item_id, self._context)
        except ThreadNotFoundError:
            return ThreadItemRemovedEvent(item_id=item_id)
        return ThreadItemReplacedEvent(item=item)


def _growth(before: ThreadItem | None, item: ThreadItem, floor: str) -> list[ThreadStreamEvent]:
    """Return what makes the one of the other."""
    if before is None:
        place = keys.own_place(item.id)
        is_new = place is None or keys.item_sk(place) >= floor
        return [ThreadItemAddedEvent(item=item) if is_new else ThreadItemReplacedEvent(item=item)]
    if before == item:
        return []
    if isinstance(before, AssistantMessageItem) and isinstance(item, AssistantMessageItem):
        same = len(before.content) == len(item.content)
        if same and all(
            new.text.startswith(old.text) and new.annotations == old.annotations
            for old, new in zip(before.content, item.content, strict=True)
        ):
            return [
                ThreadItemUpdatedEvent(
                    item_id=item.id,
                    update=AssistantMessageContentPartTextDelta(content_index=index, delta=new.text[len(old.text) :]),
                )
                for index, (old, new) in enumerate(zip(before.content, item.content, strict=True))
                if new.text != old.text
            ]
    return [ThreadItemReplacedEvent(item=item)]
