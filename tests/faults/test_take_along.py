"""A visitor's threads are taken along completely, wherever the process dies, and no thread is lost on the way."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import AssistantError
from assistant.identity import Caller
from assistant.threads import ThreadStore, moving_to
from assistant.upkeep import request_take_along, sweep, take_along
from tests.faults.leftovers import LARGE
from tests.faults.points import Points, watch
from tests.faults.test_store_phases import LastCall
from tests.support.aws import Aws
from tests.support.conversations import answered, new_thread, said
from tests.support.faults import ProcessKilledError
from tests.support.rows import put_items
from tests.support.store import resources_on

pytestmark = pytest.mark.anyio

THREADS = 3
ITEMS = 60


class Case:
    """A visitor with threads, and the user as whom the visitor signs in."""

    def __init__(self, aws: Aws, number: int) -> None:
        self._aws = aws
        self.visitor = Caller("visitors", f"visitor_{number}", visitor=True)
        self.user = Caller("acme", f"user_{number}")
        self.healthy = self.process()
        self.expected: dict[str, list[Any]] = {}

    def process(self) -> Resources:
        """Return the resources of another process."""
        return resources_on(self._aws, self._aws.table_name, self._aws.bucket_name)

    async def prepare(self) -> None:
        """Make the threads. Each has more rows than a page, and an object."""
        store, context = ThreadStore(self.healthy), RequestContext(self.visitor, self.healthy)
        for _ in range(THREADS):
            thread = new_thread()
            await store.save_thread(thread, context)
            await store.add_thread_item(thread.id, said(thread.id), context)
            put_items(
                self.healthy, self.visitor.thread(thread.id).partition, [answered(thread.id) for _ in range(ITEMS)]
            )
            await store.add_thread_item(thread.id, answered(thread.id, LARGE), context)
            self.expected[thread.id] = await self._items(self.visitor, thread.id)
            assert len(self.expected[thread.id]) == ITEMS + 2

    async def _items(self, caller: Caller, thread_id: str) -> list[Any]:
        context = RequestContext(caller, self.healthy)
        page = await ThreadStore(self.healthy).load_thread_items(thread_id, None, 100, "asc", context)
        return page.data

    async def act(self, resources: Resources) -> None:
        """Take the threads along."""
        work = await request_take_along(resources, self.visitor, self.user)
        await take_along(resources, work)

    async def check_that_none_is_lost(self) -> None:
        """Check that each thread is with the visitor or with the user, or hidden on its way to the user."""
        for thread_id, expected in self.expected.items():
            places = [await self._items(caller, thread_id) for caller in (self.visitor, self.user)]
            if sorted(map(len, places)) == [0, len(expected)]:
                continue
            assert places == [[], []]
            key = Key(self.visitor.partition, keys.thread_list_sk(keys.own_place(thread_id) or ""))
            listed = await self.healthy.table.get(key)
            assert listed is not None
            assert moving_to(listed) == self.user

    async def check_that_all_have_moved(self) -> None:
        """Check that the user has all, and the visitor nothing."""
        for thread_id, expected in self.expected.items():
            assert await self._items(self.user, thread_id) == expected
            assert await self._items(self.visitor, thread_id) == []
            rows = self.healthy.table.rows(
                self.visitor.thread(thread_id).partition, between=(keys.FIRST_SK, keys.LAST_SK), page=100
            )
            assert [row["sk"] async for row in rows] == []
            assert await self.healthy.objects.first_keys(self.visitor.thread(thread_id).object_prefix) == []


async def _hurt(aws: Aws, number: int, points: Points) -> Points:
    case = Case(aws, number)
    await case.prepare()
    faulty = case.process()
    watch(faulty, points)
    with suppress(ProcessKilledError, AssistantError):
        await case.act(faulty)
    await case.check_that_none_is_lost()
    if not await _requested(case):
        return points
    await sweep(case.healthy)
    await case.check_that_all_have_moved()
    return points


async def _requested(case: Case) -> bool:
    """Tell whether the first write was stored."""
    rows = case.healthy.table.rows(case.user.partition, between=(keys.FIRST_SK, keys.LAST_SK), page=100)
    return bool([row async for row in rows])


async def _points(aws: Aws) -> list[str]:
    counted = await _hurt(aws, 0, Points())
    assert counted.passed.count("after copy_object") == THREADS
    return counted.passed


def _at(at: int, harm: str) -> Points:
    return LastCall(at) if harm == "killed" else Points(at, "raised")


@pytest.mark.parametrize("harm", ["killed", pytest.param("raised", marks=pytest.mark.exhaustive)])
async def test_no_thread_is_lost(fresh_table_and_bucket: Aws, harm: str) -> None:
    passed = await _points(fresh_table_and_bucket)
    for at in range(1, len(passed), max(1, len(passed) // 8)):
        points = await _hurt(fresh_table_and_bucket, at, _at(at, harm))
        assert points.hit, passed[at]


@pytest.mark.exhaustive
@pytest.mark.parametrize("harm", ["killed", "raised"])
async def test_no_thread_is_lost_at_any_point(fresh_table_and_bucket: Aws, harm: str) -> None:
    passed = await _points(fresh_table_and_bucket)
    for at in range(len(passed)):
        # The count of the points has used number 0.
        await _hurt(fresh_table_and_bucket, at + 1, _at(at, harm))
