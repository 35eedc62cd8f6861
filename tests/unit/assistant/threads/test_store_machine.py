"""Random operations on the store and on a plain model of it: what both answer is equal."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    HiddenContextItem,
    InferenceOptions,
    LockedStatus,
    Page,
    StructuredInputFreeform,
    StructuredInputItem,
    Thread,
    ThreadItem,
    ThreadMetadata,
    UserMessageItem,
    UserMessageTextContent,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from moto import mock_aws

from assistant import reads
from assistant.context import RequestContext
from assistant.errors import NotFoundError
from assistant.ids import new_id
from assistant.resources import Resources
from assistant.threads.store import ThreadStore
from tests.support.store import make_moto_bucket, make_moto_table, request_of, resources_on
from tests.unit.assistant.threads.model import ThreadModel, UserModel

# Tenants and users whose names would meet if a separator were not escaped.
OWNERS = (("acme", "ann"), ("acme#ann", "b"), ("acme", "ann#b"))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FOREIGN_IDS = ("si_1", "msg1", "__fake_id__", "a#b", "~meta", "I#", "ü/😀", "T#zz", " ", "%23")
LIMITS = st.sampled_from([0, 1, 1, 2, 3, 20, 100, 100_000])
ORDERS = st.sampled_from(["asc", "desc"])
TEXTS = st.one_of(st.sampled_from(["", " ", '\n"\\', "😀" * 2000]), st.text(max_size=20))
# Few moments, so that many are equal; one without a time zone, as ChatKit's own server makes them.
NAIVE = NOON.astimezone().replace(tzinfo=None)
MOMENTS = st.sampled_from([NOON, NOON, NOON + timedelta(microseconds=1), NOON - timedelta(days=900), NAIVE])
KINDS = st.sampled_from(["user", "assistant", "hidden", "hidden", "question", "answered question"])


@dataclass
class Reader:
    """Somebody who has read some pages and will read on."""

    thread_id: str | None
    order: str
    after: str


def make_item(kind: str, item_id: str, thread_id: str, created_at: datetime, text: str) -> ThreadItem:
    common: dict[str, Any] = {"id": item_id, "thread_id": thread_id, "created_at": created_at}
    match kind:
        case "user":
            content = [UserMessageTextContent(text=text)]
            return UserMessageItem(**common, content=content, attachments=[], inference_options=InferenceOptions())
        case "assistant":
            return AssistantMessageItem(**common, content=[AssistantMessageContent(text=text)])
        case "hidden":
            return HiddenContextItem(**common, content=text)
    status = "answered" if kind == "answered question" else "pending"
    return StructuredInputItem(**common, status=status, inputs=[StructuredInputFreeform(id="q", question=text or "?")])


def shown(item: ThreadItem) -> bool:
    return item.type != "hidden_context_item"


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        # A table that outlives a run must not know its tenants.
        self.salt = uuid.uuid4().hex
        self.resources = self.begin()
        self.store = ThreadStore(self.resources)
        self.runner = asyncio.Runner()
        self.users = {owner: UserModel() for owner in OWNERS}
        self.readers: list[Reader] = []

    def begin(self) -> Resources:
        """Return resources on an empty table; `end` is called when the run is over."""
        self.aws = mock_aws()
        self.aws.start()
        make_moto_table(self.salt)
        make_moto_bucket(self.salt)
        return resources_on(None, self.salt, self.salt)

    def end(self) -> None:
        self.aws.stop()

    def teardown(self) -> None:
        self.runner.close()
        self.end()

    @initialize(owner=st.sampled_from(OWNERS))
    def choose_owner(self, owner: tuple[str, str]) -> None:
        self.owner = owner
        self.user = self.users[owner]

    @property
    def request(self) -> RequestContext:
        return self.request_by(self.owner)

    def request_by(self, owner: tuple[str, str]) -> RequestContext:
        tenant_id, user_id = owner
        return request_of(self.resources, user_id, f"{self.salt}{tenant_id}")

    def do(self, operation: Any) -> Any:
        return self.runner.run(operation)

    def thread(self, data: st.DataObject) -> ThreadModel:
        return self.user.threads[data.draw(st.sampled_from(sorted(self.user.threads)), label="thread")]

    def some_id(self, data: st.DataObject, known: list[str], prefix: str) -> str:
        fresh = new_id(prefix)
        match data.draw(st.sampled_from(["new", "foreign", "one of two", "one of two", "known"]), label="id"):
            case "known" if known:
                return data.draw(st.sampled_from(sorted(known)), label="known id")
            case "foreign":
                return data.draw(st.sampled_from(FOREIGN_IDS), label="foreign id")
            case "one of two":
                # Often the same ones, so that they are repeated, answered, removed and added again.
                return data.draw(st.sampled_from(FOREIGN_IDS[:2]), label="foreign id")
        return fresh

    # Threads

    @rule(data=st.data(), title=st.none() | TEXTS, created_at=MOMENTS, with_items=st.booleans())
    def save_a_thread(self, data: st.DataObject, title: str | None, created_at: datetime, with_items: bool) -> None:
        few = sorted(self.user.threads)
        # Few threads, so that much happens in each.
        thread_id = data.draw(st.sampled_from(few)) if len(few) > 2 else self.some_id(data, few, "thr")
        known = self.user.threads.get(thread_id)
        # A thread keeps its creation.
        created_at = known.metadata.created_at if known else created_at
        metadata = ThreadMetadata(id=thread_id, created_at=created_at, title=title, metadata={"n": [1, None, "ü"]})
        given = metadata
        if with_items:
            item = make_item("user", "msg1", thread_id, created_at, "not stored with the thread")
            given = Thread(**metadata.model_dump(), items=Page(data=[item]))
        self.do(self.store.save_thread(given, self.request))
        if known is not None:
            # Nothing is known to this request of what there was, so what it says is added to that.
            metadata = metadata.model_copy(update={"metadata": known.metadata.metadata | metadata.metadata})
        self.user.save(metadata)

    @precondition(lambda self: self.user.threads)
    @rule(data=st.data(), title=TEXTS, key=st.sampled_from(["a", "b"]))
    def two_writers_change_one_thread(self, data: st.DataObject, title: str, key: str) -> None:
        thread = self.thread(data)
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
        self.user.save(thread.metadata.model_copy(update=changes))

    @precondition(lambda self: self.user.threads)
    @rule(data=st.data())
    def delete_a_thread(self, data: st.DataObject) -> None:
        thread_id = self.thread(data).metadata.id
        self.do(self.store.delete_thread(thread_id, self.request))
        self.user.delete(thread_id)
        self.readers = [each for each in self.readers if each.thread_id != thread_id]
        with pytest.raises(NotFoundError):
            self.do(self.store.load_thread(thread_id, self.request))
        with pytest.raises(NotFoundError):
            self.do(self.store.delete_thread(thread_id, self.request))
        assert self.do(self.store.load_thread_items(thread_id, None, 10, "asc", self.request)).data == []

    # Items

    @precondition(lambda self: self.user.threads)
    @rule(data=st.data(), kind=KINDS, created_at=MOMENTS, text=TEXTS, upsert=st.booleans())
    def write_an_item(self, data: st.DataObject, kind: str, created_at: datetime, text: str, upsert: bool) -> None:
        thread = self.thread(data)
        item_id = self.some_id(data, list(thread.items.values), "msg")
        item = make_item(kind, item_id, thread.metadata.id, created_at, text)
        if upsert:
            self.do(self.store.save_item(thread.metadata.id, item, self.request))
            thread.items.put(item_id, created_at, item)
        else:
            self.do(self.store.add_thread_item(thread.metadata.id, item, self.request))
            thread.add(item)
        loaded = self.do(self.store.load_item(thread.metadata.id, item_id, self.request))
        assert loaded == thread.items.values[item_id]

    @precondition(lambda self: self.user.threads)
    @rule(data=st.data(), count=st.integers(20, 45))
    def hide_a_page_of_items(self, data: st.DataObject, count: int) -> None:
        thread = self.thread(data)
        for _ in range(count):
            item = make_item("hidden", new_id("msg"), thread.metadata.id, NOON, "")
            self.do(self.store.add_thread_item(thread.metadata.id, item, self.request))
            thread.add(item)

    @precondition(lambda self: self.user.threads)
    @rule(data=st.data(), foreign=st.booleans())
    def delete_an_item(self, data: st.DataObject, foreign: bool) -> None:
        thread = self.thread(data)
        known = [each for each in sorted(thread.items.values) if not foreign or each in FOREIGN_IDS]
        item_id = data.draw(st.sampled_from(known or ["never there"]), label="item")
        self.do(self.store.delete_thread_item(thread.metadata.id, item_id, self.request))
        thread.items.values.pop(item_id, None)
        with pytest.raises(NotFoundError):
            self.do(self.store.load_item(thread.metadata.id, item_id, self.request))

    # Pages

    @precondition(lambda self: self.user.threads)
    @rule(data=st.data(), limit=LIMITS, order=ORDERS)
    def read_a_first_page_of_items(self, data: st.DataObject, limit: int, order: str) -> None:
        self.check_items(self.thread(data), None, limit, order)

    @rule(limit=LIMITS, order=ORDERS)
    def read_a_first_page_of_threads(self, limit: int, order: str) -> None:
        self.check_threads(None, limit, order)

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), limit=LIMITS)
    def read_on(self, data: st.DataObject, limit: int) -> None:
        reader = data.draw(st.sampled_from(self.readers), label="reader")
        self.readers.remove(reader)
        if reader.thread_id is None:
            self.check_threads(reader.after, limit, reader.order)
        else:
            self.check_items(self.user.threads[reader.thread_id], reader.after, limit, reader.order)

    def check_items(self, thread: ThreadModel, after: str | None, limit: int, order: str) -> None:
        thread_id = thread.metadata.id
        page = self.do(self.store.load_thread_items(thread_id, after, limit, order, self.request))
        assert page == thread.items.page(after, limit, order)
        if page.after:
            self.readers.append(Reader(thread_id, order, page.after))
        seen = self.do(reads.list_items(thread_id, limit, after, order, self.request))
        assert seen == thread.items.page(after, limit or reads.DEFAULT_PAGE_SIZE, order, shown)

    def check_threads(self, after: str | None, limit: int, order: str) -> None:
        page = self.do(self.store.load_threads(limit, after, order, self.request))
        assert page == self.user.shelf.page(after, limit, order)
        if page.after:
            self.readers.append(Reader(None, order, page.after))

    @precondition(lambda self: self.user.threads)
    @rule(data=st.data())
    def open_a_thread(self, data: st.DataObject) -> None:
        model = self.thread(data)
        assert self.do(self.store.load_thread(model.metadata.id, self.request)) == model.metadata
        thread = self.do(reads.get_thread(model.metadata.id, self.request))
        newest = model.items.page(None, reads.DEFAULT_PAGE_SIZE, "desc", shown)
        assert (thread.title, thread.items.data) == (model.metadata.title, newest.data[::-1])
        assert (thread.items.has_more, thread.items.after) == (newest.has_more, newest.after)

    # Others

    @precondition(lambda self: len(self.user.threads) > 1)
    @rule(owner=st.sampled_from(OWNERS))
    def let_another_user_act(self, owner: tuple[str, str]) -> None:
        self.owner, self.user = owner, self.users[owner]
        self.readers = []

    @precondition(lambda self: self.user.threads)
    @rule(data=st.data())
    def guess_another_users_thread(self, data: st.DataObject) -> None:
        thread_id = self.thread(data).metadata.id
        for owner in OWNERS:
            if thread_id in self.users[owner].threads:
                continue
            stranger = self.request_by(owner)
            with pytest.raises(NotFoundError):
                self.do(self.store.load_thread(thread_id, stranger))
            with pytest.raises(NotFoundError):
                self.do(self.store.delete_thread(thread_id, stranger))


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=10,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.exhaustive
class TestStoreMachineAtLength(StoreMachine.TestCase):
    settings = settings(
        max_examples=200,
        stateful_step_count=60,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
