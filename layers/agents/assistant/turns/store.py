"""One turn's view of the store: reads come from memory, and writes wait for the next checkpoint.

The SDK reads the same thread and items several times in a turn, and stores each completed item. In memory these
calls cost no round trip. The turn stores its new items at each checkpoint and at its end.
"""

from __future__ import annotations

from chatkit.types import Page, ThreadItem, ThreadMetadata

from assistant.context import RequestContext, Resources
from assistant.threads import ThreadSnapshot, ThreadStore
from assistant.turns.events import utc_item
from assistant.turns.journal import Journal


class TurnStore(ThreadStore):
    """ChatKit's `Store` within one turn. Calls for any other thread go to the table."""

    def __init__(self, resources: Resources, snapshot: ThreadSnapshot, journal: Journal) -> None:
        super().__init__(resources)
        self._snapshot = snapshot
        self._journal = journal

    async def load_thread(self, thread_id: str, context: RequestContext) -> ThreadMetadata:
        """Return a thread's metadata."""
        if thread_id != self._snapshot.thread.id:
            return await super().load_thread(thread_id, context)
        return self._snapshot.thread.model_copy(deep=True)

    def items(self) -> list[ThreadItem]:
        """Return the thread's newest items, with those of this turn, the oldest first."""
        known = {item.id: item for item in self._snapshot.items} | self._journal.done
        for item_id in self._journal.removed():
            known.pop(item_id, None)
        return list(known.values())

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: RequestContext
    ) -> Page[ThreadItem]:
        """Return a page of items, from memory where memory holds all of them."""
        items = self.items()
        newest_first = order == "desc"
        # A page from memory may be shorter than `limit`; `has_more` then says that the table holds more items.
        in_memory = thread_id == self._snapshot.thread.id and (
            self._snapshot.complete or (newest_first and after is None and items)
        )
        if not in_memory:
            return await super().load_thread_items(thread_id, after, limit, order, context)
        ordered = items[::-1] if newest_first else items
        if after is not None:
            start = next((index + 1 for index, item in enumerate(ordered) if item.id == after), len(ordered))
            ordered = ordered[start:]
        page = ordered[:limit]
        more = len(ordered) > limit or not self._snapshot.complete
        return Page(data=[_naive(item) for item in page], has_more=more, after=page[-1].id if more and page else None)

    async def load_item(self, thread_id: str, item_id: str, context: RequestContext) -> ThreadItem:
        """Return one item."""
        if thread_id == self._snapshot.thread.id:
            for item in self.items():
                if item.id == item_id:
                    return item
        return await super().load_item(thread_id, item_id, context)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        """Store an item with the next checkpoint."""
        if thread_id != self._snapshot.thread.id:
            await super().add_thread_item(thread_id, item, context)
        else:
            self._journal.complete(utc_item(item, id=item.id))

    async def delete_thread_item(self, thread_id: str, item_id: str, context: RequestContext) -> None:
        """Remove an item with the next checkpoint."""
        if thread_id != self._snapshot.thread.id:
            await super().delete_thread_item(thread_id, item_id, context)
        else:
            self._journal.remove(item_id)


def _naive(item: ThreadItem) -> ThreadItem:
    """Return the item with its creation as a naive local time.

    The SDK continues an open workflow and subtracts its creation from `datetime.now()` (chatkit.agents, 1.6.5).
    That fails for an aware time.
    """
    if item.created_at.tzinfo is None:
        return item
    return item.model_copy(update={"created_at": item.created_at.astimezone().replace(tzinfo=None)})
