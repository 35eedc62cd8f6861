"""The sweep finishes what an operation of the store has begun, wherever a call fails or the process dies.

Each call of DynamoDB and S3 fails once, and each is the last call of a process that dies. The sweep runs a day later,
and once more when the threads have expired. Each time no row, object, file or work is left that belongs to nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from assistant import clock
from assistant.context import Resources
from assistant.errors import AssistantError
from assistant.upkeep import sweep
from tests.faults.leftovers import PARTITIONS, SCENES, leftovers
from tests.faults.points import Moment, Points, watch
from tests.support.aws import Aws
from tests.support.faults import ProcessKilledError
from tests.support.rows import rows_with
from tests.support.store import resources_on

pytestmark = pytest.mark.anyio

RETENTION_DAYS = 3
# All threads are still there, and all other work is due: the day of files that were never sent is over.
LATER = timedelta(days=1, hours=1)
# The threads have expired.
EXPIRED = timedelta(days=RETENTION_DAYS + 2)


class LastCall(Points):
    """Points of which one is the last that the process reaches."""

    def reach(self, call: str, moment: Moment, loop: asyncio.AbstractEventLoop | None) -> None:
        """Pass a point, unless the process is dead."""
        if not self.hit:
            self.passed.append(f"{moment} {call}")
            self.hit = self.at == len(self.passed) - 1
        if self.hit:
            raise ProcessKilledError


def _resources(aws: Aws) -> Resources:
    days = str(RETENTION_DAYS)
    return resources_on(aws, aws.table_name, aws.bucket_name, RETENTION_DAYS=days, HISTORY_SEARCH="true")


async def _play(aws: Aws, name: str, points: Points, monkeypatch: pytest.MonkeyPatch) -> None:
    """Perform an operation with a harm, let time pass and sweep, and check that nothing is left."""
    healthy, faulty = _resources(aws), _resources(aws)
    act = await SCENES[name](healthy)
    watch(faulty, points)
    begun = clock.now()
    moments = [begun + EXPIRED] if name == "expiry" else [begun]
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: moments[-1])
        with suppress(ProcessKilledError, AssistantError):
            await act(faulty)
        for wait in (LATER, EXPIRED):
            moments.append(moments[0] + wait)
            swept = await sweep(healthy)
            assert (swept.failed, swept.postponed, swept.parked) == (0, 0, 0)
            assert leftovers(healthy, moments[-1]) == []
            if name.startswith("erasure") and wait == EXPIRED:
                assert rows_with(healthy, *PARTITIONS) == []


def _points(at: int | None, harm: str) -> Points:
    return LastCall(at) if harm == "killed" else Points(at, "raised")


async def _count(aws: Aws, name: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    points = Points()
    await _play(aws, name, points, monkeypatch)
    assert points.passed
    return points.passed


# One harm for each scene. The long form has both.
PAIRS = [(name, ("killed", "raised")[number % 2]) for number, name in enumerate(SCENES)]


@pytest.mark.parametrize(("name", "harm"), PAIRS)
async def test_what_an_operation_has_begun_is_finished(
    fresh_table_and_bucket: Aws, name: str, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = await _count(fresh_table_and_bucket, name, monkeypatch)
    # Just begun, after the second transaction, halfway, and just before the end.
    second = [at for at, each in enumerate(passed) if each == "after transact_write_items"][1:2]
    for at in {1, *second, len(passed) // 2, len(passed) - 2}:
        await _hurt(fresh_table_and_bucket, name, harm, at, passed, monkeypatch)


@pytest.mark.exhaustive
@pytest.mark.parametrize("harm", ["killed", "raised"])
@pytest.mark.parametrize("name", SCENES)
async def test_what_an_operation_has_begun_is_finished_at_any_point(
    fresh_table_and_bucket: Aws, name: str, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = await _count(fresh_table_and_bucket, name, monkeypatch)
    for at in range(len(passed)):
        await _hurt(fresh_table_and_bucket, name, harm, at, passed, monkeypatch)


async def _hurt(aws: Aws, name: str, harm: str, at: int, passed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        await _play(aws, name, _points(at, harm), monkeypatch)
    except AssertionError as error:
        raise AssertionError(f"{name} {harm} {passed[at]}, {at}: {error}") from error
