"""Threads and items as plain Python values: the model that the store must equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from chatkit.types import Page, StructuredInputItem, ThreadItem, ThreadMetadata

from assistant.ids import split_own_id, time_prefix

Place = tuple[str, int, str]

_insertions = count()


def place_of(value: str, created_at: Any) -> Place:
    """Return the place of a new id: by the time inside an own id; by creation, then insertion, for a foreign id."""
    own = split_own_id(value)
    if own is not None:
        return own[1][:16], 1, own[1][16:]
    return time_prefix(created_at), 0, f"{next(_insertions):012}"


@dataclass
class Shelf:
    """Values in the order of their places. An id stays valid as a cursor after its value is removed."""

    places: dict[str, Place] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def remove(self, value_id: str) -> None:
        self.values.pop(value_id, None)

    def put(self, value_id: str, created_at: Any, value: Any) -> None:
        if value_id not in self.values:
            self.places[value_id] = place_of(value_id, created_at)
        self.values[value_id] = value

    def page(
        self, after: str | None, limit: int, order: str, wanted: Callable[[Any], bool] = lambda _: True
    ) -> Page[Any]:
        if limit == 0:
            return Page()
        ids = sorted((each for each in self.values if wanted(self.values[each])), key=self.places.__getitem__)
        if order == "desc":
            ids.reverse()
        if after is not None:
            start = self.places[after]
            ids = [each for each in ids if (self.places[each] > start) == (order == "asc") and each != after]
        shown = ids[: min(limit, 100)]
        more = len(ids) > len(shown)
        return Page(data=[self.values[each] for each in shown], has_more=more, after=shown[-1] if more else None)


@dataclass
class ThreadModel:
    """A thread. `expires` has the expiry times of the thread and, by id, of its items.

    What has gone by itself is in `lapsed`: when a foreign id of these is free again is up to the sweep.
    """

    metadata: ThreadMetadata
    expires: datetime | None
    items: Shelf = field(default_factory=Shelf)
    item_expires: dict[str, datetime | None] = field(default_factory=dict)
    lapsed: set[str] = field(default_factory=set)

    def add(self, item: ThreadItem, expires: datetime | None) -> None:
        """Add an item. A question does not replace the same question with an answer."""
        old = self.items.values.get(item.id)
        if (
            isinstance(old, StructuredInputItem)
            and isinstance(item, StructuredInputItem)
            and (old.status, item.status) == ("answered", "pending")
        ):
            return
        self.put(item, expires)

    def put(self, item: ThreadItem, expires: datetime | None) -> None:
        """Write an item, which prolongs the thread."""
        self.items.put(item.id, item.created_at, item)
        self.item_expires[item.id] = self.expires = expires

    def lapse(self, now: datetime) -> None:
        """Remove expired items."""
        for item_id in [each for each in self.items.values if _over(self.item_expires[each], now)]:
            self.items.remove(item_id)
            self.lapsed.add(item_id)


@dataclass
class UserModel:
    """All threads of one user."""

    shelf: Shelf = field(default_factory=Shelf)
    threads: dict[str, ThreadModel] = field(default_factory=dict)
    lapsed: set[str] = field(default_factory=set)

    def save(self, thread: ThreadMetadata, expires: datetime | None) -> None:
        """Write a thread. Only a new thread gets this expiry."""
        if thread.id not in self.threads:
            self.threads[thread.id] = ThreadModel(thread, expires)
        self.threads[thread.id].metadata = thread
        self.shelf.put(thread.id, thread.created_at, thread)

    def delete(self, thread_id: str) -> None:
        del self.threads[thread_id]
        self.shelf.remove(thread_id)

    def lapse(self, now: datetime) -> list[str]:
        """Remove expired threads and items. Return the ids of those threads."""
        over = [thread_id for thread_id, thread in self.threads.items() if _over(thread.expires, now)]
        for thread_id in over:
            self.delete(thread_id)
            self.lapsed.add(thread_id)
        for thread in self.threads.values():
            thread.lapse(now)
        return over


def _over(expires: datetime | None, now: datetime) -> bool:
    return expires is not None and expires <= now
