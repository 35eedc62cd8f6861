"""What a turn tells its clients: all its events, for whoever follows it in this process, whenever one begins to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from chatkit.types import (
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadStreamEvent,
)

from assistant.turns import ending


class Published:
    """A turn's events, from its first to its last. One event loop uses it."""

    def __init__(self) -> None:
        self._events: list[ThreadStreamEvent] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._closed = False

    def add(self, event: ThreadStreamEvent) -> None:
        """Tell all followers of an event; of one that no client may see, nobody."""
        if not ending.is_hidden(event):
            self._events.append(_frozen(event))
            self._wake()

    def close(self) -> None:
        """Tell all followers that nothing more comes."""
        self._closed = True
        self._wake()

    async def follow(self) -> AsyncIterator[ThreadStreamEvent]:
        """Yield the events so far, and then each as it comes, until the last."""
        index = 0
        while True:
            while index < len(self._events):
                yield self._events[index]
                index += 1
            if self._closed:
                return
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _frozen(event: ThreadStreamEvent) -> ThreadStreamEvent:
    """Return the event with an item of its own: the SDK goes on changing the one that it has sent."""
    if isinstance(event, ThreadItemAddedEvent | ThreadItemDoneEvent | ThreadItemReplacedEvent):
        return event.model_copy(update={"item": event.item.model_copy(deep=True)})
    return event
