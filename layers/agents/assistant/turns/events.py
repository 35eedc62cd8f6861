"""A turn's events: repair their ids, and send all of them to every follower in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

from chatkit.store import StoreItemType
from chatkit.types import (
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
)

from assistant.errors import TooManyFollowersError
from assistant.ids import ID_PREFIXES, new_id, split_own_id
from assistant.threads import is_hidden


class EventLog:
    """A turn's events from the first to the last. Use it from one event loop only."""

    def __init__(self) -> None:
        self._events: list[ThreadStreamEvent] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._joined: set[str] = set()
        self._elsewhere: frozenset[str] = frozenset()
        self._closed = False

    def add(self, event: ThreadStreamEvent) -> None:
        """Send an event to all followers. Drop an event that clients must not see."""
        if not is_hidden(event):
            self._events.append(_frozen(event))
            self._wake()

    def past(self) -> Sequence[ThreadStreamEvent]:
        """Return the events so far."""
        return self._events

    def close(self) -> None:
        """End the streams of all followers."""
        self._closed = True
        self._wake()

    async def follow(self) -> AsyncIterator[ThreadStreamEvent]:
        """Yield the earlier events, then each new event, until the last."""
        async with aclosing(self._follow(lambda: True)) as events:
            async for event in events:
                yield event

    def note_followers(self, ids: frozenset[str], most: int) -> None:
        """Take the ids of the followers in all processes. If there are more than `most`, the oldest of them end."""
        self._elsewhere = ids
        self._end_oldest(most)

    def _end_oldest(self, most: int) -> None:
        newest = sorted(self._joined | self._elsewhere, reverse=True)[:most]
        if not self._joined <= set(newest):
            self._joined &= set(newest)
            self._wake()

    async def join(self, me: str, most: int) -> AsyncIterator[ThreadStreamEvent]:
        """Yield all events to one more follower. If there are more than `most`, the oldest of them ends.

        Args:
            me: The follower's id. Ids sort by time.
            most: The limit.

        Raises:
            TooManyFollowersError: this follower is the oldest of too many.
        """
        self._joined.add(me)
        self._end_oldest(most)
        try:
            async with aclosing(self._follow(lambda: me in self._joined)) as events:
                async for event in events:
                    yield event
            if me not in self._joined:
                raise TooManyFollowersError
        finally:
            self._joined.discard(me)

    async def _follow(self, goes_on: Callable[[], bool]) -> AsyncGenerator[ThreadStreamEvent, None]:
        index = 0
        while goes_on():
            if index < len(self._events):
                yield self._events[index]
                index += 1
            elif self._closed:
                return
            else:
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _frozen(event: ThreadStreamEvent) -> ThreadStreamEvent:
    """Return the event with a copy of its item: the SDK changes an item after sending it."""
    if isinstance(event, ThreadItemAddedEvent | ThreadItemDoneEvent | ThreadItemReplacedEvent):
        return event.model_copy(update={"item": event.item.model_copy(deep=True)})
    return event


# The kinds of items whose ids come from the model. Items of all other kinds keep their ids.
_MODEL_MADE: dict[str, StoreItemType] = {
    "assistant_message": "message",
    "client_tool_call": "tool_call",
    "generated_image": "message",
}


class EventRepair:
    """Repair the events of one turn. Each item is added once and done once; later versions replace it."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}
        self._given: dict[str, list[str]] = {}
        self._done: set[str] = set()
        self._began: dict[str, datetime] = {}

    def __call__(self, event: ThreadStreamEvent) -> list[ThreadStreamEvent]:
        """Return the events to store and send. A removal becomes several if the model has used its id several times."""
        if isinstance(event, ThreadItemUpdatedEvent):
            # The most frequent event comes first, and is not copied: the SDK sends it once.
            event.item_id = self._open.get(event.item_id, event.item_id)
            return [event]
        match event:
            case ThreadItemAddedEvent(item=item):
                repaired = self._item(item, begins=True)
                # If tools run side by side, the SDK may send a workflow's `done` before its `added`.
                if repaired.id in self._done:
                    return [ThreadItemReplacedEvent(item=repaired)]
                self._began[repaired.id] = repaired.created_at
                return [event.model_copy(update={"item": repaired})]
            case ThreadItemDoneEvent(item=item):
                repaired = self._item(item, begins=item.id not in self._open)
                began = self._began.pop(repaired.id, repaired.created_at)
                if began != repaired.created_at:
                    # The SDK gives a completed item a new time. Keep the first, which clients have seen.
                    repaired = repaired.model_copy(update={"created_at": began})
                self._open.pop(item.id, None)
                if repaired.id in self._done:
                    return [ThreadItemReplacedEvent(item=repaired)]
                self._done.add(repaired.id)
                return [event.model_copy(update={"item": repaired})]
            case ThreadItemReplacedEvent(item=item):
                last = (self._given.get(item.id) or [item.id])[-1]
                return [event.model_copy(update={"item": utc_item(item, id=last)})]
            case ThreadItemRemovedEvent(item_id=raw):
                removed = self._given.get(raw, [raw])
                if raw in self._given:
                    # A refused answer is removed by the SDK and by the agent's server.
                    self._given[raw] = []
                return [ThreadItemRemovedEvent(item_id=each) for each in removed]
            case _:
                return [event]

    def _item(self, item: ThreadItem, *, begins: bool) -> ThreadItem:
        kind = _MODEL_MADE.get(item.type)
        if kind is None or split_own_id(item.id) is not None:
            return utc_item(item, id=item.id)
        if begins:
            self._open[item.id] = new_id(ID_PREFIXES[kind])
            self._given.setdefault(item.id, []).append(self._open[item.id])
        return utc_item(item, id=self._open[item.id])


def utc_item(item: ThreadItem, *, id: str) -> ThreadItem:  # noqa: A002 - the field's own name
    """Return the item with that id and a UTC-aware creation; the same object if nothing changes."""
    changes: dict[str, object] = {}
    if item.id != id:
        changes["id"] = id
    if item.created_at.tzinfo is None:
        changes["created_at"] = item.created_at.astimezone(UTC)
    return item.model_copy(update=changes) if changes else item
