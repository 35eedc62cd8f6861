"""Send a turn's events to its clients, and an item's `done` event only after the item is stored.

A process may die at any time. An item that a client has received as done must then be in the table. The events behind
a waiting event wait too, so the order stays.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from chatkit.types import ThreadItemDoneEvent, ThreadStreamEvent

from assistant.turns.events import EventLog
from assistant.turns.journal import Journal

# The turn's end stores the last items of an answer. If the end does not come in this time, a checkpoint stores them.
END_PATIENCE_SECONDS = 0.05
# How long to wait after a checkpoint that failed.
RETRY_SECONDS = 1.0


class Outbox:
    """The events of a turn on their way to its clients.

    Args:
        log: Sends the events to all followers.
        journal: Knows which items are stored.

    Attributes:
        waits: Set while an event waits for its item.
        due: When a checkpoint must store the items that events wait for, by `time.monotonic`.
    """

    def __init__(self, log: EventLog, journal: Journal) -> None:
        self.waits = asyncio.Event()
        self.due = 0.0
        self._log = log
        self._journal = journal
        self._waiting: deque[ThreadStreamEvent] = deque()

    def add(self, event: ThreadStreamEvent) -> None:
        """Send an event. If its item or an earlier event's item is not stored yet, send it later."""
        if not self._waiting and not self._must_wait(event):
            self._log.add(event)
            return
        # The SDK changes the objects of an event after sending it.
        self._waiting.append(event.model_copy(deep=True))
        if not self.waits.is_set():
            self.due = time.monotonic() + END_PATIENCE_SECONDS
            self.waits.set()

    def _must_wait(self, event: ThreadStreamEvent) -> bool:
        return isinstance(event, ThreadItemDoneEvent) and not self._journal.has_version(event.item.id)

    def checkpointed(self) -> None:
        """Send the events whose items are stored now."""
        while self._waiting and not self._must_wait(self._waiting[0]):
            self._log.add(self._waiting.popleft())
        if not self._waiting:
            self.waits.clear()
        self.due = time.monotonic() + END_PATIENCE_SECONDS

    def failed(self) -> None:
        """Wait a moment after a checkpoint that failed."""
        self.due = time.monotonic() + RETRY_SECONDS

    def ended(self) -> None:
        """Send all events: the turn's end has stored their items."""
        while self._waiting:
            self._log.add(self._waiting.popleft())

    def drop(self) -> None:
        """Forget the waiting events: their items are not stored."""
        self._waiting.clear()
