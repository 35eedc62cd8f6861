"""Facts of the memory stay whole, wherever the process dies: each is there once or not at all, and never a 101st.

Each call of DynamoDB fails once, and each is the last call of a process that dies. Then the client sends its request
again, as a user does who got no answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from assistant.aws.table import MAX_BATCH_WRITE_ROWS
from assistant.context import RequestContext, Resources
from assistant.errors import AssistantError, MemoryFullError, MemoryOffError
from assistant.identity import Caller
from assistant.memory import (
    MAX_FACTS,
    add_fact,
    change_fact,
    load_memory,
    remove_fact,
    switch_memory,
    take_facts_along,
)
from assistant.memory.rows import Fact, fact_key
from assistant.upkeep import erase, request_erasure, sweep
from tests.faults.points import Points, watch
from tests.faults.test_store_phases import LastCall
from tests.support.aws import Aws
from tests.support.faults import ProcessKilledError
from tests.support.store import resources_on

pytestmark = pytest.mark.anyio

NEW, OLD = "Likes herons.", "Likes storks."


class Case:
    """A user with facts, and a visitor."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._aws = aws
        self.user = Caller("acme", f"user-{name}")
        self.visitor = Caller("visitors", f"visitor-{name}", visitor=True)
        self.healthy = self.process()
        self.old: Fact | None = None

    def process(self) -> Resources:
        """Return the resources of another process."""
        return resources_on(self._aws, self._aws.table_name, self._aws.bucket_name)

    def request(self, resources: Resources, caller: Caller | None = None) -> RequestContext:
        """Return a new request of the user."""
        return RequestContext(caller or self.user, resources)

    async def fill(self, count: int) -> None:
        """Give the user so many facts."""
        self.old = await add_fact(OLD, self.request(self.healthy), source="asked", thread_id=None)
        row = {"schema_version": 1, "source": "asked", "created_at": "", "changed_at": ""}
        rows = [
            {**fact_key(self.user, f"0000{number:04}")._asdict(), **row, "fact": f"Fact {number}."}
            for number in range(1, count)
        ]
        for start in range(0, len(rows), MAX_BATCH_WRITE_ROWS):
            await self.healthy.table.put_many(rows[start : start + MAX_BATCH_WRITE_ROWS])

    async def texts(self, caller: Caller | None = None) -> list[str]:
        """Return the facts that a user is shown."""
        return [fact.text for fact in (await load_memory(self.healthy.table, caller or self.user)).facts]

    @property
    def old_id(self) -> str:
        """The id of the first fact."""
        assert self.old is not None
        return self.old.id


Act = Callable[[Case, Resources], Awaitable[Any]]
Check = Callable[[Case], Awaitable[None]]


async def remembering(case: Case, resources: Resources) -> None:
    await add_fact(NEW, case.request(resources), source="asked", thread_id=None)


async def once(case: Case) -> None:
    texts = await case.texts()
    assert (texts.count(NEW), len(texts)) == (1, MAX_FACTS)
    with pytest.raises(MemoryFullError):
        await add_fact("One too many.", case.request(case.healthy), source="asked", thread_id=None)


async def forgetting(case: Case, resources: Resources) -> None:
    await remove_fact(case.old_id, case.request(resources))


async def forgotten(case: Case) -> None:
    assert OLD not in await case.texts()
    await remembering(case, case.healthy)


async def changing(case: Case, resources: Resources) -> None:
    await change_fact(case.old_id, NEW, case.request(resources))


async def changed(case: Case) -> None:
    facts = (await load_memory(case.healthy.table, case.user)).facts
    (fact,) = (each for each in facts if each.id == case.old_id)
    assert (fact.text, fact.source) == (NEW, "edited")
    assert OLD not in await case.texts()


async def switching_off(case: Case, resources: Resources) -> None:
    await switch_memory(case.request(resources), on=False)


async def off(case: Case) -> None:
    with pytest.raises(MemoryOffError):
        await remembering(case, case.healthy)
    assert NEW not in await case.texts()
    await switch_memory(case.request(case.healthy), on=True)
    await remembering(case, case.healthy)
    assert NEW in await case.texts()


async def taking_along(case: Case, resources: Resources) -> None:
    for text in (OLD, NEW, "A third one."):
        if text not in await case.texts(case.visitor) and text not in await case.texts():
            await add_fact(text, case.request(case.healthy, case.visitor), source="asked", thread_id=None)
    await take_facts_along(resources, case.visitor, case.user)


async def taken_along(case: Case) -> None:
    texts = await case.texts()
    # The newest fits, the older one does not, and a fact that the user has already is not there twice.
    assert len(texts) == len(set(texts)) == MAX_FACTS
    assert await case.texts(case.visitor) == []


async def erasing(case: Case, resources: Resources) -> None:
    await erase(resources, await request_erasure(resources, case.user))


async def erased(case: Case) -> None:
    assert (await sweep(case.healthy)).failed == 0
    assert await case.texts() == []


SCENES: dict[str, tuple[Act, Check]] = {
    "remember": (remembering, once),
    "forget": (forgetting, forgotten),
    "change": (changing, changed),
    "switch_off": (switching_off, off),
    "take_along": (taking_along, taken_along),
    "erase": (erasing, erased),
}


async def _hurt(aws: Aws, name: str, number: int, points: Points) -> Points:
    case = Case(aws, f"{name}-{number}")
    await case.fill(MAX_FACTS - 1)
    faulty = case.process()
    watch(faulty, points)
    act, check = SCENES[name]
    with suppress(ProcessKilledError, AssistantError):
        await act(case, faulty)
    # What a user is shown in between is whole: the old facts, and the new one once at most.
    between = await case.texts()
    assert len(between) == len(set(between)) <= MAX_FACTS
    await act(case, case.healthy)
    await check(case)
    return points


@pytest.mark.parametrize("name", SCENES)
async def test_facts_stay_whole(fresh_table_and_bucket: Aws, name: str) -> None:
    passed = (await _hurt(fresh_table_and_bucket, name, 0, Points())).passed
    for at in sorted({len(passed) // 2, len(passed) - 1}):
        points = await _hurt(fresh_table_and_bucket, name, at + 1, LastCall(at))
        assert points.hit, passed


@pytest.mark.exhaustive
@pytest.mark.parametrize("harm", ["killed", "raised"])
@pytest.mark.parametrize("name", SCENES)
async def test_facts_stay_whole_at_any_point(fresh_table_and_bucket: Aws, name: str, harm: str) -> None:
    passed = (await _hurt(fresh_table_and_bucket, name, 0, Points())).passed
    for at in range(len(passed)):
        await _hurt(fresh_table_and_bucket, name, at + 1, LastCall(at) if harm == "killed" else Points(at, "raised"))


async def test_processes_that_remember_at_once_never_pass_the_limit(fresh_table_and_bucket: Aws) -> None:
    case = Case(fresh_table_and_bucket, "race")
    await case.fill(MAX_FACTS - 1)
    requests = [case.request(case.process()) for _ in range(4)]
    done = await asyncio.gather(
        *(add_fact(f"New {n}.", each, source="asked", thread_id=None) for n, each in enumerate(requests)),
        return_exceptions=True,
    )
    assert [type(each) for each in done if isinstance(each, BaseException)] == [MemoryFullError] * 3
    assert len(await case.texts()) == MAX_FACTS
    assert json.dumps(await case.texts()).count("New ") == 1
