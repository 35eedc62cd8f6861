"""A user, or the whole tenant, is erased while something of the user is being read or written: nothing is left over.

The erasure runs from its beginning to its end at one call of the operation. A search shows nothing that was erased
before its last look at the rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from assistant import clock, search
from assistant.aws.keys import Space
from assistant.context import RequestContext, Resources
from assistant.errors import AssistantError, NotFoundError
from assistant.forks import fork_thread
from assistant.identity import Caller
from assistant.knowledge import announce, complete, ingest
from assistant.knowledge import search as search_knowledge
from assistant.memory import add_fact, extract_facts
from assistant.shares import open_share, share_thread
from assistant.threads.store import ThreadStore
from assistant.upkeep import erase, erase_tenant, request_erasure, request_tenant_erasure, sweep
from tests.faults.points import Points, watch
from tests.support.aws import Aws
from tests.support.conversations import answered, new_thread, said
from tests.support.knowledge import rows_of, with_knowledge

pytestmark = pytest.mark.anyio

# An erasure takes a second or two at once, and longer on a busy machine.
PATIENCE_SECONDS = 60.0
BODY = b"The heron eats secretperch."


class Case:
    """A user of a tenant of its own, with a thread and a document."""

    def __init__(self, resources: Resources) -> None:
        self.healthy = resources
        self.tenant = f"t{uuid.uuid4().hex[:12]}"
        self.user = Caller(self.tenant, "ann")
        self.space = Space(self.tenant, "ann")
        self.thread_id = ""
        self.newest = ""
        self.document_id = ""

    def request(self, resources: Resources) -> RequestContext:
        """Return a new request of the user."""
        return RequestContext(self.user, resources)

    async def prepare(self) -> None:
        """Make the thread, and a document that waits to be read."""
        store, request = ThreadStore(self.healthy), self.request(self.healthy)
        thread = new_thread(title="herons")
        await store.save_thread(thread, request)
        for item in (said(thread.id, "I like the secretperch"), answered(thread.id)):
            await store.add_thread_item(thread.id, item, request)
        self.thread_id, self.newest = thread.id, item.id
        document, _ = await announce(request, self.space, name="a.txt", mime_type="text/plain", size=len(BODY))
        self.document_id = document.id
        row = await self.healthy.table.get(self.space.document(document.id))
        assert row is not None
        await self.healthy.objects.put(row["new_original"], BODY, "text/plain")
        await complete(request, self.space, document.id)

    async def erased(self, *, whole_tenant: bool) -> None:
        """Erase the user or the tenant."""
        if whole_tenant:
            work = await request_tenant_erasure(self.healthy, self.tenant)
            while not await erase_tenant(self.healthy, work):
                pass
            return
        work = await request_erasure(self.healthy, self.user)
        while not await erase(self.healthy, work):
            pass

    def left(self, *, whole_tenant: bool) -> list[str]:
        """Return the keys of rows, passages and objects of the user that are still there, and of the tenant's own."""
        pages: Any = self.healthy.table.client.get_paginator("scan").paginate(TableName=self.healthy.table.name)
        kinds = ("USER#", "THREAD#", "APP#", "SHARE#", *(("TENANT#",) if whole_tenant else ()))
        # The rows of a share have the tenant's name inside.
        rows = [
            f"{row['pk']['S']} {row['sk']['S']}"
            for page in pages
            for row in page["Items"]
            if row["pk"]["S"].startswith(kinds) and self.tenant in repr(row)
        ]
        objects = self.healthy.objects.client.list_objects_v2(Bucket=self.healthy.objects.bucket).get("Contents", [])
        passages = [row["pk"] for row in rows_of(self.healthy) if self.tenant in row["pk"]]
        return rows + passages + [each["Key"] for each in objects if self.tenant in each["Key"]]


async def reading(case: Case, faulty: Resources) -> None:
    await ingest(faulty, case.space, case.document_id)


async def searching(case: Case, faulty: Resources) -> list[str]:
    return [hit.passage.text for hit in await search_knowledge(case.request(faulty), "secretperch heron")]


async def looking(case: Case, faulty: Resources) -> list[str]:
    return [hit.thread_id for hit in (await search.search("secretperch", case.request(faulty))).hits]


async def forking(case: Case, faulty: Resources) -> None:
    await fork_thread(case.thread_id, case.newest, case.request(faulty))


async def sharing(case: Case, faulty: Resources) -> None:
    shared = await share_thread(case.thread_id, case.request(faulty))
    with suppress(NotFoundError):
        await open_share(shared.token, case.user, faulty)


async def remembering(case: Case, faulty: Resources) -> None:
    await add_fact("Likes herons.", case.request(faulty), source="asked", thread_id=case.thread_id)


async def extracting(case: Case, faulty: Resources) -> None:
    await extract_facts(said(case.thread_id, "I like herons"), case.request(faulty))


async def adding(case: Case, faulty: Resources) -> None:
    request = case.request(faulty)
    document, _ = await announce(request, case.space, name="b.txt", mime_type="text/plain", size=1)
    with suppress(AssistantError):
        await complete(request, case.space, document.id)


OPERATIONS: dict[str, Callable[[Case, Resources], Awaitable[list[str] | None]]] = {
    "ingest": reading,
    "search": searching,
    "history_search": looking,
    "fork": forking,
    "share": sharing,
    "remember": remembering,
    "extraction": extracting,
    "add_document": adding,
}
BOTH = [pytest.param(False, id="user"), pytest.param(True, id="tenant")]


@pytest.fixture
def resources(aws_environment: Aws, monkeypatch: pytest.MonkeyPatch) -> Resources:
    monkeypatch.setattr("tests.faults.points.ACT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr("assistant.aws.table.TABLE_CALL_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr("assistant.aws.objects.OBJECT_CALL_SECONDS", PATIENCE_SECONDS)
    return with_knowledge(aws_environment, HISTORY_SEARCH="true")


async def play(
    resources: Resources, name: str, at: int | None, monkeypatch: pytest.MonkeyPatch, *, whole_tenant: bool
) -> list[str]:
    """Erase at a point of an operation; at None, afterwards. Return the names of the points."""
    case = Case(resources)
    await case.prepare()
    if name != "ingest":
        assert await ingest(resources, case.space, case.document_id)
    faulty = Resources(resources.settings)
    points = Points(at, "acted", act=lambda: case.erased(whole_tenant=whole_tenant))
    watch(faulty, points)
    found: list[str] | None = None
    with suppress(AssistantError):
        found = await OPERATIONS[name](case, faulty)
    if at is None:
        assert found != [], "what is there is found"
        await case.erased(whole_tenant=whole_tenant)
    else:
        points.acting.result(PATIENCE_SECONDS)
        # The last call is the look at the rows: after it, nothing of the operation's is read any more.
        assert found in (None, []) or at == len(points.passed) - 1, f"{found} at {points.passed[at]}"
    now = clock.now
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: now() + timedelta(hours=1))
        swept = await sweep(resources)
    assert (swept.failed, swept.parked) == (0, 0)
    assert case.left(whole_tenant=whole_tenant) == []
    return points.passed


@pytest.mark.parametrize("name", OPERATIONS)
async def test_nothing_is_left(resources: Resources, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_tenant = list(OPERATIONS).index(name) % 2 == 1
    passed = await play(resources, name, None, monkeypatch, whole_tenant=whole_tenant)
    await play(resources, name, len(passed) // 2, monkeypatch, whole_tenant=whole_tenant)


@pytest.mark.exhaustive
@pytest.mark.parametrize("whole_tenant", BOTH)
@pytest.mark.parametrize("name", OPERATIONS)
async def test_nothing_is_left_at_any_point(
    resources: Resources, name: str, whole_tenant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = await play(resources, name, None, monkeypatch, whole_tenant=whole_tenant)
    for at in range(len(passed)):
        await play(resources, name, at, monkeypatch, whole_tenant=whole_tenant)
