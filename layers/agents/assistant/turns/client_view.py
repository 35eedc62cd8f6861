"""The items that a client shows, and the events that make them equal to the items in the table."""

from __future__ import annotations

from collections.abc import Container, Sequence

from chatkit.types import (
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
)

from assistant.aws import keys
from assistant.context import RequestContext
from assistant.ids import time_prefix
from assistant.threads import ThreadNotFoundError, is_visible, thread_store
from assistant.turns.journal import Journal

# Item rows per query. Most turns have fewer.
PAGE_ROWS = 50


class ClientView:
    """The items of one turn that a client shows.

    Attributes:
        items: The items by id, in the version that the client has.
        complete: The ids of the complete items.
        changed: Items of earlier turns that the client has received in this turn.
    """

    def __init__(self) -> None:
        self.items: dict[str, ThreadItem] = {}
        self.complete: set[str] = set()
        self.changed: dict[str, ThreadItem] = {}

    @classmethod
    def after(cls, events: Sequence[ThreadStreamEvent], earlier: Container[str]) -> ClientView:
        """Return the view of a client that has received these events.

        Args:
            events: The events of one turn.
            earlier: The ids of the items of earlier turns.
        """
        journal, view = Journal(), cls()
        for event in events:
            journal.apply(event)
        for item in [*journal.done.values(), *journal.pending()]:
            (view.changed if item.id in earlier else view.items)[item.id] = item
        view.complete = set(journal.done) & set(view.items)
        return view

    def update(self, stored: Sequence[ThreadItem], unfinished: Container[str] = ()) -> list[ThreadStreamEvent]:
        """Return the events that make the client's items equal to the stored items.

        Args:
            stored: All items of the turn, in the order of the thread.
            unfinished: The ids of those that the turn is still writing.
        """
        for item in stored:
            # A retry that has ended badly keeps the items behind its message. The client may have received one of them
            # as a changed item, and must not receive it as a new one too.
            if (shown := self.changed.pop(item.id, None)) is not None:
                self.items[item.id] = shown
                self.complete.add(item.id)
        wanted = {item.id for item in stored}
        events = [self._remove(item_id) for item_id in list(self.items) if item_id not in wanted]
        # ChatKit has no event that inserts an item. To get an item before others, remove those and send them again.
        missing = next((index for index, item in enumerate(stored) if item.id not in self.items), len(stored))
        events += [self._remove(item.id) for item in stored[missing:] if item.id in self.items]
        for item in stored:
            events += self._unfinished(item) if item.id in unfinished else self._finished(item)
            self.items[item.id] = item
        return events

    def _remove(self, item_id: str) -> ThreadStreamEvent:
        del self.items[item_id]
        self.complete.discard(item_id)
        return ThreadItemRemovedEvent(item_id=item_id)

    def _finished(self, item: ThreadItem) -> list[ThreadStreamEvent]:
        if item.id not in self.complete:
            self.complete.add(item.id)
            return [ThreadItemDoneEvent(item=item)]
        return [] if self.items[item.id] == item else [ThreadItemReplacedEvent(item=item)]

    def _unfinished(self, item: ThreadItem) -> list[ThreadStreamEvent]:
        before = self.items.get(item.id)
        if before is None:
            return [ThreadItemAddedEvent(item=item)]
        return [] if before == item else _growth(before, item, complete=item.id in self.complete)

    def replace_earlier(self, item_id: str, item: ThreadItem | None) -> list[ThreadStreamEvent]:
        """Return the event for the stored version of an earlier turn's item; None stands for a removed item."""
        if item is None:
            self.changed.pop(item_id, None)
            return [ThreadItemRemovedEvent(item_id=item_id)]
        if self.changed.get(item_id) == item:
            return []
        self.changed[item_id] = item
        return [ThreadItemReplacedEvent(item=item)]


def _growth(before: ThreadItem, item: ThreadItem, *, complete: bool) -> list[ThreadStreamEvent]:
    """Return the events that change `before` into `item`: deltas if only text was added."""
    if not complete and isinstance(before, AssistantMessageItem) and isinstance(item, AssistantMessageItem):
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


async def stored_items(thread_id: str, low: str, high: str, context: RequestContext) -> list[ThreadItem]:
    """Return the items between two sort keys that are not hidden from clients."""
    rows = context.resources.table.rows(context.caller.thread(thread_id).partition, between=(low, high), page=PAGE_ROWS)
    visible = [row async for row in rows if is_visible(row) and not row.get("hidden")]
    return await thread_store(context.resources).decode_items(visible)


async def stored_item(thread_id: str, item_id: str, context: RequestContext) -> ThreadItem | None:
    """Return one item; None if it is removed."""
    try:
        return await thread_store(context.resources).load_item(thread_id, item_id, context)
    except ThreadNotFoundError:
        return None


def thread_order(item: ThreadItem) -> str:
    """Return the sort key of an item among the items of its thread."""
    return keys.own_place(item.id) or time_prefix(item.created_at)
