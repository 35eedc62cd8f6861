"""The sweep: no shard starves, failing work backs off and is parked, and the age of the oldest work is measured."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

import assistant.clock
from assistant.aws import Row, keys
from assistant.aws.keys import Key
from assistant.files import keep_picture
from assistant.upkeep import sweep as run_sweep
from assistant.upkeep.sweep import FIRST_WAIT, MAX_FAILURES, PARKED_WAIT, PIECES_AT_ONCE
from tests.integration.threads.conftest import User
from tests.support.conversations import new_thread
from tests.support.faults import ProcessKilledError, failing
from tests.support.files import PNG

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def no_back_off() -> None:
    """Keep the real waits: this module moves the clock."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Return a list whose last entry is the project's time."""
    moments = [NOW]
    monkeypatch.setattr(assistant.clock, "now", lambda: moments[-1])
    return moments


async def work_of(user: User, shard: str) -> list[Row]:
    rows, _ = await user.resources.table.query(shard, between=(keys.FIRST_SK, keys.LAST_SK), limit=1000)
    return [row for row in rows if user.name in (row.get("object") or row.get("for") or "")]


async def add_object_work(user: User, shard: str, count: int) -> None:
    """Add work to one shard that removes objects which do not exist."""
    for number in range(count):
        key = keys.sweep_key(NOW - timedelta(minutes=1), f"{user.name}/{number}", "object")
        row = {"schema_version": 1, "kind": "object", "object": f"items/{user.name}/{number}"}
        await user.resources.table.put(Key(shard, key.sk), row)


async def add_broken_work(user: User, shard: str) -> None:
    key = keys.sweep_key(NOW - timedelta(minutes=1), f"{user.name} broken", "unheard of")
    await user.resources.table.put(Key(shard, key.sk), {"schema_version": 1, "kind": "unheard of", "for": user.name})


async def test_a_full_shard_does_not_delay_the_others(ann: User, clock: list[datetime]) -> None:
    first, *_, last = keys.sweep_partitions()
    await add_object_work(ann, first, 60)
    await add_object_work(ann, last, 1)
    done = 0

    def time_is_up() -> bool:
        nonlocal done
        done += 1
        # Each worker of each shard asks once, and then there is time for a part of the work of the first shard.
        return done > 8 * PIECES_AT_ONCE

    await run_sweep(ann.resources, time_is_up=time_is_up)
    assert await work_of(ann, last) == []
    assert await work_of(ann, first) != []
    await run_sweep(ann.resources)
    assert await work_of(ann, first) == []


async def test_pieces_of_a_shard_run_at_once(ann: User, clock: list[datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0

    async def slow(*_: object) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1

    monkeypatch.setattr(sys.modules["assistant.upkeep.sweep"], "sweep_object", slow)
    await add_object_work(ann, keys.sweep_partitions()[0], 2 * PIECES_AT_ONCE)
    await run_sweep(ann.resources)
    assert most == PIECES_AT_ONCE


async def test_failing_work_backs_off_and_is_parked(
    ann: User, clock: list[datetime], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "sweep")
    shard = keys.sweep_partitions()[1]
    await add_broken_work(ann, shard)
    wait = FIRST_WAIT
    for failures in range(1, MAX_FAILURES + 1):
        swept = await run_sweep(ann.resources)
        assert (swept.failed, swept.parked) == (1, int(failures == MAX_FAILURES))
        [row] = await work_of(ann, shard)
        wait = PARKED_WAIT if failures == MAX_FAILURES else FIRST_WAIT * 2 ** (failures - 1)
        due = keys.sweep_due(row["sk"])
        assert abs(due - clock[-1] - wait) < timedelta(milliseconds=2)
        assert (await run_sweep(ann.resources)).failed == 0, "the work is not due yet"
        clock.append(due + timedelta(seconds=1))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    ages = [line["OldestWorkSeconds"][0] for line in lines if "OldestWorkSeconds" in line]
    assert max(ages) > 3600, "the age counts from the first time that the work was due"
    assert [line["ParkedWork"] for line in lines if "ParkedWork" in line] == [[1.0]]
    swept = await run_sweep(ann.resources)
    assert (swept.parked, swept.oldest_seconds) == (1, 0)
    [row] = await work_of(ann, shard)
    await ann.resources.table.delete(Key(row["pk"], row["sk"]))


@pytest.mark.parametrize("deleted", [True, False], ids=["thread deleted", "thread exists"])
async def test_a_picture_of_a_process_that_died_goes_with_its_thread(
    ann: User, clock: list[datetime], deleted: bool
) -> None:
    thread = new_thread()
    await ann.store.save_thread(thread, ann.request)
    if deleted:
        await ann.store.delete_thread(thread.id, ann.request)
    with failing(ann.dynamodb, "killed", "GetItem"), pytest.raises(ProcessKilledError):
        await keep_picture(base64.b64encode(PNG).decode(), thread.id, ann.request)
    prefix = keys.ThreadRef(ann.tenant_id, ann.name, thread.id).object_prefix
    assert len(await ann.resources.objects.first_keys(prefix)) == 1
    clock.append(NOW + timedelta(hours=1, seconds=1))
    await run_sweep(ann.resources)
    assert len(await ann.resources.objects.first_keys(prefix)) == (0 if deleted else 1)
