"""Tasks in the table."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from assistant.aws.keys import Key
from assistant.aws.table import Table
from assistant.context import Resources
from assistant.errors import InvalidRequestError, NotFoundError
from assistant.identity import Caller
from helpdesk.records import tasks as tasks_module
from helpdesk.records.tasks import Tasks

pytestmark = pytest.mark.anyio


@pytest.fixture
def tasks(resources: Resources, caller: Caller) -> Tasks:
    return Tasks(resources.table, caller)


async def test_numbers_begin_at_one_and_count_up_for_each_user(resources: Resources, tasks: Tasks) -> None:
    assert [(await tasks.add(title)).number for title in ("a", "b", "c")] == [1, 2, 3]
    other = Tasks(resources.table, Caller("acme", "bob"))
    assert (await other.add("d")).number == 1


async def test_many_writers_at_once_never_share_a_number(tasks: Tasks) -> None:
    added = await asyncio.gather(*(tasks.add(f"task {index}") for index in range(20)))
    assert sorted(task.number for task in added) == list(range(1, 21))
    assert {(task.number, task.title) for task in (await tasks.list()).tasks} == {
        (task.number, task.title) for task in added
    }


async def test_a_write_that_the_client_repeats_adds_one_task(
    resources: Resources, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Table.put

    async def put_twice(self: Table, key: Key, row: Any, **more: Any) -> None:
        await put(self, key, row, **more)
        await put(self, key, row, **more)

    monkeypatch.setattr(Table, "put", put_twice)
    tasks = Tasks(resources.table, caller)
    assert (await tasks.add("once")).number == 1
    assert [task.title for task in (await tasks.list()).tasks] == ["once"]


async def test_a_counter_that_was_lost_overwrites_no_task(resources: Resources, tasks: Tasks) -> None:
    first = await tasks.add("kept")
    await resources.table.delete(Key("APP#acme#ann", "COUNTER#task"))
    second = await tasks.add("new")
    assert (first.number, second.number) == (1, 2)
    assert [task.title for task in (await tasks.list()).tasks] == ["kept", "new"]


async def test_the_filter_lets_through_what_it_names(tasks: Tasks) -> None:
    for title in ("one", "two", "three"):
        await tasks.add(title)
    await tasks.complete(2)
    assert [task.number for task in (await tasks.list("pending")).tasks] == [1, 3]
    assert [task.number for task in (await tasks.list("completed")).tasks] == [2]
    assert [task.number for task in (await tasks.list("all")).tasks] == [1, 2, 3]


async def test_a_task_completed_again_keeps_the_time_of_its_completion(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tasks.add("one")
    first = await tasks.complete(1)
    monkeypatch.setattr(tasks_module, "now", lambda: "2099-01-01T00:00:00+00:00")
    assert await tasks.complete(1) == first
    assert first.status == "completed"
    assert first.completed_at is not None


@pytest.mark.parametrize("number", [2, 0, -1, 10**12])
async def test_a_number_that_the_user_does_not_have_is_not_found(tasks: Tasks, number: int) -> None:
    await tasks.add("one")
    with pytest.raises(NotFoundError):
        await tasks.complete(number)
    assert [task.status for task in (await tasks.list()).tasks] == ["pending"]


async def test_another_user_and_another_tenant_see_none_of_it(resources: Resources, tasks: Tasks) -> None:
    await tasks.add("mine")
    for other in (Caller("acme", "bob"), Caller("globex", "ann"), Caller("acme#ann", "x"), Caller("acme", "ann#x")):
        theirs = Tasks(resources.table, other)
        assert (await theirs.list()).tasks == ()
        with pytest.raises(NotFoundError):
            await theirs.complete(1)


@pytest.mark.parametrize("title", ["", "   ", "x" * 201])
async def test_a_title_that_is_no_line_is_refused(tasks: Tasks, title: str) -> None:
    with pytest.raises(InvalidRequestError):
        await tasks.add(title)
    assert (await tasks.list()).tasks == ()


async def test_a_list_longer_than_is_shown_says_that_there_is_more(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_module, "MAX_LISTED", 3)
    monkeypatch.setattr(tasks_module, "PAGE_ROWS", 2)
    for index in range(3):
        await tasks.add(f"task {index}")
    exact = await tasks.list()
    assert (len(exact.tasks), exact.more) == (3, False)
    await tasks.add("one more")
    longer = await tasks.list()
    assert (len(longer.tasks), longer.more) == (3, True)


async def test_a_filter_looks_beyond_the_first_page(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks_module, "PAGE_ROWS", 2)
    for index in range(5):
        await tasks.add(f"task {index}")
    await tasks.complete(5)
    assert [task.number for task in (await tasks.list("completed")).tasks] == [5]
