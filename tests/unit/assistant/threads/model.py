"""Threads and items as plain Python values: what the store must be equal to."""

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
    """Return where a new id stands: ours by the time inside it, a foreign one by its creation, then by insertion."""
    own = split_own_id(value)
    if own is not None:
        return own[1][:16], 1, own[1][16:]
    return time_prefix(created_at), 0, f"{next(_insertions):012}"


@dataclass
class Shelf:
    """Values in the order of their places; an id keeps its place as a cursor when its value is gone."""

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
    """A thread; `expires` says when it and, by id, its items go, if they ever do.

    What has gone by itself is in `lapsed`: when a foreign id of these is free again is up to the sweep.
    """

    metadata: ThreadMetadata
    expires: datetime | None
    items: Shelf = field(default_factory=Shelf)
    item_expires: dict[str, datetime | None] = field(default_factory=dict)
    lapsed: set[str] = field(default_factory=set)

    def add(self, item: ThreadItem, expires: datetime | None) -> None:
        """Add an item; a question does not take back the answer that it has got."""
        old = self.items.values.get(item.id)
        if (
            isinstance(old, StructuredInputItem)
            and isinstance(item, StructuredInputItem)
            and (old.status, item.status) == ("answered", "pending")
        ):
            return
        self.put(item, expires)

    def put(self, item: ThreadItem, expires: datetime | None) -> None:
        """Write an item, with which the thread lives on."""
        self.items.put(item.id, item.created_at, item)
        self.item_expires[item.id] = self.expires = expires

    def lapse(self, now: datetime) -> None:
        """Let the items go whose time is over."""
        for item_id in [each for each in self.items.values if _over(self.item_expires[each], now)]:
            self.items.remove(item_id)
            self.lapsed.add(item_id)


@dataclass
class UserModel:
    """Everything of one user."""

    shelf: Shelf = field(default_factory=Shelf)
    threads: dict[str, ThreadModel] = field(default_factory=dict)
    lapsed: set[str] = field(default_factory=set)

    def save(self, thread: ThreadMetadata, expires: datetime | None) -> None:
        """Write a thread; only a new one expires at that time."""
        if thread.id not in self.threads:
            self.threads[thread.id] = ThreadModel(thread, expires)
        self.threads[thread.id].metadata = thread
        self.shelf.put(thread.id, thread.created_at, thread)

    def delete(self, thread_id: str) -> None:
        del self.threads[thread_id]
        self.shelf.remove(thread_id)

    def lapse(self, now: datetime) -> list[str]:
        """Let the threads and items go whose time is over; return those threads' ids."""
        over = [thread_id for thread_id, thread in self.threads.items() if _over(thread.expires, now)]
        for thread_id in over:
            self.delete(thread_id)
            self.lapsed.add(thread_id)
        for thread in self.threads.values():
            thread.lapse(now)
        return over


def _over(expires: datetime | None, now: datetime) -> bool:
    return expires is not None and expires <= now
