"""Random operations on the store and on a plain model of it: both must give equal answers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from chatkit.types import LockedStatus, Page, Thread, ThreadMetadata
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from assistant import clock
from assistant.aws import table as table_module
from assistant.context import RequestContext, Resources
from assistant.errors import NotFoundError
from assistant.ids import new_id
from assistant.operations import reads
from assistant.threads.store import ThreadStore
from assistant.upkeep.sweep import sweep
from tests.support.rows import put_items
from tests.support.store import request_of
from tests.unit.assistant.threads.model import ThreadModel, UserModel
from tests.unit.assistant.threads.values import (
    COUNTS,
    FOREIGN_IDS,
    KINDS,
    LIMITS,
    MOMENTS,
    NOON,
    ORDERS,
    OWNERS,
    TEXTS,
    make_item,
    shown,
)

RETENTION = timedelta(days=30)
ENVIRONMENTS = {True: {"RETENTION_DAYS": str(RETENTION.days)}, False: {}}
# Where the store looks at the time.
# Of a thread with more items the sweep removes the rest, and sets its id free.
MAX_REMOVED_AT_ONCE = 80


@dataclass
class Reader:
    """A client that has read some pages and will read more."""

    thread_id: str | None
    order: str
    after: str


class StoreMachine(RuleBasedStateMachine):
    def __init__(self, made: Mapping[bool, Resources]) -> None:
        super().__init__()
        self.made = made
        # The table may outlive a run, so each run has new tenants.
        self.salt = uuid.uuid4().hex
        self.now = datetime.now(UTC)
        self.patches: list[Any] = [patch.object(clock, "now", lambda: self.now)]
        # Retry conflicting writers at once.
        self.patches.append(patch.object(table_module, "FIRST_BACKOFF_SECONDS", 0.0))
        for each in self.patches:
            each.start()
        self.runner = asyncio.Runner()
        self.users = {owner: UserModel() for owner in OWNERS}
        self.readers: list[Reader] = []
        self.swept = True

    def teardown(self) -> None:
        self.runner.close()
        for each in self.patches:
            each.stop()

    @initialize(owner=st.sampled_from(OWNERS), retention=st.booleans())
    def begin(self, owner: tuple[str, str], retention: bool) -> None:
        """Begin with items of one moment, so that each operation finds some."""
        self.retention = retention
        self.resources = self.made[retention]
        self.store = ThreadStore(self.resources)
        self.owner = owner
        self.user = self.users[owner]
        thread = ThreadMetadata(id=FOREIGN_IDS[0], created_at=NOON)
        self.do(self.store.save_thread(thread, self.request))
        self.user.save(thread, self.expires)
        for number, item_id in enumerate([*FOREIGN_IDS[:3], new_id("msg")]):
            item = make_item("hidden" if number == 2 else "user", item_id, thread.id, NOON, str(number))
            self.do(self.store.add_thread_item(thread.id, item, self.request))
            self.user.threads[thread.id].put(item, self.expires)

    @property
    def request(self) -> RequestContext:
        return self.request_by(self.owner)

    def request_by(self, owner: tuple[str, str]) -> RequestContext:
        tenant_id, user_id = owner
        return request_of(self.resources, user_id, f"{self.salt}{tenant_id}")

    @property
    def expires(self) -> datetime | None:
        """The time at which a row that is written now expires."""
        return self.now + RETENTION if self.retention else None

    def do(self, operation: Any) -> Any:
        return self.runner.run(operation)

    def one_of(self, data: st.DataObject, operations: Mapping[Callable[[st.DataObject], None], int]) -> None:
        """Do one of some operations, chosen with the given weights."""
        names = {operation.__name__: operation for operation in operations}
        drawn = st.sampled_from([each.__name__ for each, count in operations.items() for _ in range(count)])
        names[data.draw(drawn, label="operation")](data)

    def thread(self, data: st.DataObject) -> ThreadModel:
        return self.user.threads[data.draw(st.sampled_from(sorted(self.user.threads)), label="thread")]

    def some_id(self, data: st.DataObject, known: list[str], lapsed: set[str], prefix: str) -> str:
        foreign = [each for each in FOREIGN_IDS if each not in lapsed]
        # Use few ids, so that items are repeated, answered, removed and added again.
        often = foreign[:2]
        match data.draw(st.sampled_from(["new", "foreign", "one of two", "one of two", "known"]), label="id"):
            case "known" if known:
                return data.draw(st.sampled_from(sorted(known)), label="known id")
            case "foreign" if foreign:
                return data.draw(st.sampled_from(foreign), label="foreign id")
            case "one of two" if often:
                return data.draw(st.sampled_from(often), label="foreign id")
        return new_id(prefix)

    # Threads

    @rule(data=st.data())
    def change_threads(self, data: st.DataObject) -> None:
        if not self.user.threads:
            self.save_a_thread(data)
        else:
            self.one_of(data, {self.save_a_thread: 2, self.let_two_writers_change_a_thread: 1, self.delete_a_thread: 1})
        self.read_threads(data)

    def save_a_thread(self, data: st.DataObject) -> None:
        title, created_at = data.draw(st.none() | TEXTS, label="title"), data.draw(MOMENTS, label="created at")
        few, lapsed = sorted(self.user.threads), self.user.lapsed
        # Few threads, so that much happens in each.
        thread_id = data.draw(st.sampled_from(few)) if len(few) > 2 else self.some_id(data, few, lapsed, "thr")
        known = self.user.threads.get(thread_id)
        # A thread keeps its creation time.
        created_at = known.metadata.created_at if known else created_at
        metadata = ThreadMetadata(id=thread_id, created_at=created_at, title=title, metadata={"n": [1, None, "ü"]})
        given = metadata
        if data.draw(st.booleans(), label="with items"):
            item = make_item("user", "msg1", thread_id, created_at, "not stored with the thread")
            given = Thread(**metadata.model_dump(), items=Page(data=[item]))
        self.do(self.store.save_thread(given, self.request))
        if known is not None:
            # This request has not read the thread, so its metadata is added to the stored metadata.
            metadata = metadata.model_copy(update={"metadata": known.metadata.metadata | metadata.metadata})
        self.user.save(metadata, self.expires)

    def let_two_writers_change_a_thread(self, data: st.DataObject) -> None:
        thread, title, key = self.thread(data), data.draw(TEXTS, label="title"), data.draw(st.sampled_from("ab"))
        mine, theirs = self.request, self.request
        my_copy = self.do(self.store.load_thread(thread.metadata.id, mine))
        their_copy = self.do(self.store.load_thread(thread.metadata.id, theirs))
        their_copy.title = title
        self.do(self.store.save_thread(their_copy, theirs))
        my_copy.metadata[key] = title
        my_copy.status = LockedStatus(reason="busy")
        self.do(self.store.save_thread(my_copy, mine))
        my_copy.metadata[f"{key}2"] = "again"
        self.do(self.store.save_thread(my_copy, mine))
        metadata = thread.metadata.metadata | {key: title, f"{key}2": "again"}
        changes = {"title": title, "status": LockedStatus(reason="busy"), "metadata": metadata}
        self.user.save(thread.metadata.model_copy(update=changes), self.expires)

    def delete_a_thread(self, data: st.DataObject) -> None:
        thread = self.thread(data)
        thread_id = thread.metadata.id
        self.do(self.store.delete_thread(thread_id, self.request))
        self.user.delete(thread_id)
        if len(thread.items.places) > MAX_REMOVED_AT_ONCE:
            self.user.lapsed.add(thread_id)
        self.swept = False
        self.readers = [each for each in self.readers if each.thread_id != thread_id]
        self.check_nothing_is_left(thread_id, self.owner)

    def check_nothing_is_left(self, thread_id: str, owner: tuple[str, str]) -> None:
        """Check that a user cannot see a thread, whatever rows exist."""
        request = self.request_by(owner)
        with pytest.raises(NotFoundError):
            self.do(self.store.load_thread(thread_id, request))
        with pytest.raises(NotFoundError):
            self.do(self.store.delete_thread(thread_id, request))
        assert self.do(self.store.load_thread_items(thread_id, None, 10, "asc", request)).data == []

    # Items

    @precondition(lambda self: self.user.threads)
    @rule(data=st.data())
    def change_items(self, data: st.DataObject) -> None:
        self.one_of(data, {self.write_some_items: 4, self.write_a_page_of_items: 1, self.delete_an_item: 2})
        self.read_items(data)

    def write_some_items(self, data: st.DataObject) -> None:
        thread = self.thread(data)
        thread_id = thread.metadata.id
        for kind in data.draw(st.lists(KINDS, min_size=1, max_size=4), label="kinds"):
            item_id = self.some_id(data, list(thread.items.values), thread.lapsed, "msg")
            item = make_item(kind, item_id, thread_id, data.draw(MOMENTS), data.draw(TEXTS))
            how = data.draw(st.sampled_from(["save", "save", "add", "add", "add anew"]), label="how")
            if how == "add anew":
                self.do(self.store.delete_thread_item(thread_id, item_id, self.request))
                thread.items.remove(item_id)
            if how == "save":
                self.do(self.store.save_item(thread_id, item, self.request))
                thread.put(item, self.expires)
            else:
                self.do(self.store.add_thread_item(thread_id, item, self.request))
                thread.add(item, self.expires)
        loaded = self.do(self.store.load_item(thread_id, item_id, self.request))
        assert loaded == thread.items.values[item_id]

    def write_a_page_of_items(self, data: st.DataObject) -> None:
        thread, kind = self.thread(data), data.draw(st.sampled_from(["hidden", "hidden", "assistant"]), label="kind")
        thread_id, caller = thread.metadata.id, self.request.caller
        items = [make_item(kind, new_id("msg"), thread_id, NOON, "") for _ in range(data.draw(COUNTS))]
        # Write the rows directly, except the last one, which prolongs the thread.
        put_items(self.resources, caller.thread(thread_id).partition, items[:-1])
        self.do(self.store.add_thread_item(thread_id, items[-1], self.request))
        for item in items:
            thread.put(item, self.expires)

    def delete_an_item(self, data: st.DataObject) -> None:
        thread = self.thread(data)
        known = sorted(thread.items.values)
        readers = {each.after for each in self.readers if each.thread_id == thread.metadata.id}
        # Prefer a foreign id, or an id that a client holds as a cursor.
        rather = data.draw(st.sampled_from([None, set(FOREIGN_IDS), readers, readers]), label="rather")
        if rather is not None:
            known = [each for each in known if each in rather] or known
        item_id = data.draw(st.sampled_from(known or ["never there"]), label="item")
        self.do(self.store.delete_thread_item(thread.metadata.id, item_id, self.request))
        thread.items.remove(item_id)
        with pytest.raises(NotFoundError):
            self.do(self.store.load_item(thread.metadata.id, item_id, self.request))
        for reader in [each for each in self.readers if (each.thread_id, each.after) == (thread.metadata.id, item_id)]:
            self.readers.remove(reader)
            self.read_pages(data, reader.thread_id, reader.order, reader.after)

    # Pages

    @precondition(lambda self: self.user.threads)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        self.one_of(data, {self.read_items: 2, self.read_threads: 1, self.read_on: 3, self.open_a_thread: 1})

    def read_items(self, data: st.DataObject) -> None:
        self.read_pages(data, self.thread(data).metadata.id, data.draw(ORDERS, label="order"), None)

    def read_threads(self, data: st.DataObject) -> None:
        self.read_pages(data, None, data.draw(ORDERS, label="order"), None)

    def read_on(self, data: st.DataObject) -> None:
        if self.readers:
            reader = data.draw(st.sampled_from(self.readers), label="reader")
            self.readers.remove(reader)
            self.read_pages(data, reader.thread_id, reader.order, reader.after)

    def read_pages(self, data: st.DataObject, thread_id: str | None, order: str, after: str | None) -> None:
        """Read some pages of items, or of threads if no thread is named. The rest may be read later."""
        while True:
            limit = data.draw(LIMITS, label="limit")
            if thread_id is None:
                after = self.check_threads(after, limit, order)
            else:
                after = self.check_items(self.user.threads[thread_id], after, limit, order)
            if after is None:
                return
            if not data.draw(st.booleans(), label="reads on at once"):
                self.readers.append(Reader(thread_id, order, after))
                return

    def check_items(self, thread: ThreadModel, after: str | None, limit: int, order: str) -> str | None:
        thread_id = thread.metadata.id
        page = self.do(self.store.load_thread_items(thread_id, after, limit, order, self.request))
        assert page == thread.items.page(after, limit, order)
        seen = self.do(reads.list_items(thread_id, limit, after, order, self.request))
        assert seen == thread.items.page(after, limit or reads.DEFAULT_PAGE_SIZE, order, shown)
        after_page: str | None = page.after
        return after_page

    def check_threads(self, after: str | None, limit: int, order: str) -> str | None:
        page = self.do(self.store.load_threads(limit, after, order, self.request))
        assert page == self.user.shelf.page(after, limit, order)
        after_page: str | None = page.after
        return after_page

    def open_a_thread(self, data: st.DataObject) -> None:
        model = self.thread(data)
        assert self.do(self.store.load_thread(model.metadata.id, self.request)) == model.metadata
        thread = self.do(reads.get_thread(model.metadata.id, self.request))
        newest = model.items.page(None, reads.DEFAULT_PAGE_SIZE, "desc", shown)
        assert (thread.title, thread.items.data) == (model.metadata.title, newest.data[::-1])
        assert (thread.items.has_more, thread.items.after) == (newest.has_more, newest.after)

    # Time

    @rule(data=st.data())
    def pass_time(self, data: st.DataObject) -> None:
        if self.retention:
            self.now += timedelta(days=data.draw(st.sampled_from([1, 12, 20, 20, 31]), label="days"))
            self.swept = False
            for owner, user in self.users.items():
                for thread_id in user.lapse(self.now):
                    self.check_nothing_is_left(thread_id, owner)
            self.readers = [each for each in self.readers if each.thread_id in {None, *self.user.threads}]
        if not self.swept and data.draw(st.booleans(), label="swept"):
            self.swept = True
            assert self.do(sweep(self.resources)).failed == 0
        if self.user.threads:
            # Read the remaining threads, and often prolong them.
            self.read_items(data)
            if data.draw(st.booleans(), label="goes on"):
                self.write_some_items(data)

    # Others

    @precondition(lambda self: self.user.threads)
    @rule(data=st.data())
    def meet_another_user(self, data: st.DataObject) -> None:
        thread_id = self.thread(data).metadata.id
        owner = data.draw(st.sampled_from(OWNERS), label="owner")
        if thread_id not in self.users[owner].threads:
            self.check_nothing_is_left(thread_id, owner)
        if data.draw(st.booleans(), label="who acts from now on"):
            self.owner, self.user = owner, self.users[owner]
            self.readers = []


def run_random_operations(
    make_resources: Callable[..., Resources],
    examples: int,
    steps: int,
    begin: Callable[[], None] = lambda: None,
) -> None:
    """Run random operations on the store.

    Args:
        make_resources: Makes resources of a process, with the environment's variables that it is given.
        examples: How many times to begin.
        steps: How many operations at most, each time.
        begin: Called each time.
    """
    # Each `Resources` has its own thread pools, so make one for each configuration only.
    made = {retention: make_resources(**environment) for retention, environment in ENVIRONMENTS.items()}

    class Machine(StoreMachine):
        def __init__(self) -> None:
            begin()
            super().__init__(made)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
