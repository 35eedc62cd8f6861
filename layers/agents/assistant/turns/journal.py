"""What a turn has said so far, kept up with its events: the items being written, and those that are done.

No I/O: the runner stores from here what is not stored yet, at checkpoints and at the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from chatkit.types import (
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
)

from assistant.turns.updates import TextBuffer, apply_update


class Journal:
    """The items of one turn.

    Args:
        earlier: Items of earlier turns, which this one may go on with: an open workflow, a widget.

    Attributes:
        done: Items that are complete, by id, in their order.
        unstored_since: When the oldest change that is not stored was made, by `time.monotonic`; None if all is.
    """

    def __init__(self, earlier: Iterable[ThreadItem] = ()) -> None:
        self.done: dict[str, ThreadItem] = {}
        self.unstored_since: float | None = None
        self._earlier = {item.id: item for item in earlier}
        self._pending: dict[str, ThreadItem] = {}
        self._texts: dict[str, TextBuffer] = {}
        self._unsaved: dict[str, ThreadItem] = {}
        self._stored: set[str] = set()
        self._removed: set[str] = set()

    def apply(self, event: ThreadStreamEvent) -> None:
        """Take an event of this turn into account."""
        match event:
            case ThreadItemAddedEvent(item=item):
                self._pending[item.id] = item.model_copy(deep=True)
                self.touch()
            case ThreadItemUpdatedEvent(item_id=item_id, update=update):
                pending = self._pending.get(item_id) or self._gone_on_with(item_id)
                if pending is not None:
                    buffer = self._texts.setdefault(item_id, TextBuffer())
                    if not buffer.take(pending, update):
                        apply_update(pending, update)
                    self.touch()
            case ThreadItemDoneEvent(item=item) | ThreadItemReplacedEvent(item=item):
                self.complete(item)
            case ThreadItemRemovedEvent(item_id=item_id):
                self.remove(item_id)
            case _:
                pass

    def touch(self) -> None:
        """Note that something is not stored."""
        if self.unstored_since is None:
            self.unstored_since = time.monotonic()

    def _gone_on_with(self, item_id: str) -> ThreadItem | None:
        """Return an item that was complete and is being written again, None where it is not known."""
        known = self.done.get(item_id) or self._earlier.get(item_id)
        if known is None:
            return None
        self._pending[item_id] = known.model_copy(deep=True)
        return self._pending[item_id]

    def complete(self, item: ThreadItem) -> None:
        """Count an item as done in this form."""
        self._pending.pop(item.id, None)
        self._texts.pop(item.id, None)
        copy = item.model_copy(deep=True)
        self.done[item.id] = copy
        self._unsaved[item.id] = copy
        self._removed.discard(item.id)
        self.touch()

    def remove(self, item_id: str) -> None:
        """Forget an item of this turn; one that is stored already, or is older, is to be removed from the table."""
        known = item_id in self._pending or item_id in self._unsaved
        self._pending.pop(item_id, None)
        self._texts.pop(item_id, None)
        self._unsaved.pop(item_id, None)
        self.done.pop(item_id, None)
        if item_id in self._stored or item_id in self._earlier or not known:
            self._removed.add(item_id)
        self.touch()

    def discard(self) -> None:
        """Forget what is not stored and cannot be."""
        for item_id in [*self._pending, *self._unsaved]:
            self.done.pop(item_id, None)
        self._pending.clear()
        self._texts.clear()
        self._unsaved.clear()
        self._removed.clear()

    def pending(self) -> list[ThreadItem]:
        """Return the items that are being written, as they are now."""
        for item_id, buffer in self._texts.items():
            if item_id in self._pending:
                buffer.settle(self._pending[item_id])
        return list(self._pending.values())

    def unsaved(self) -> list[ThreadItem]:
        """Return the items that are done and not stored."""
        return list(self._unsaved.values())

    def removed(self) -> list[str]:
        """Return the ids to be removed from the table."""
        return list(self._removed)

    def is_stored(self, item_id: str) -> bool:
        """Tell whether a form of an item may be in the table, written by this turn."""
        return item_id in self._stored

    def storing(self, items: Iterable[ThreadItem]) -> None:
        """Note what is about to be stored: from now on it may be in the table, whatever is heard of the write."""
        self._stored.update(item.id for item in items)

    def saved(self, items: list[ThreadItem], removed: list[str]) -> None:
        """Note what has been stored. An item that was completed anew meanwhile stays unsaved."""
        for item in items:
            if self._unsaved.get(item.id) is item:
                del self._unsaved[item.id]
        self._removed.difference_update(removed)
