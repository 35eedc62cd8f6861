"""A turn's time is known to what runs inside it, and to nothing else."""

from __future__ import annotations

import asyncio

import pytest

from assistant.models import deadline, seconds_left


def test_without_a_deadline_time_is_unknown() -> None:
    assert seconds_left() is None


def test_an_inner_deadline_never_gives_more_time_than_the_outer_one() -> None:
    with deadline(10), deadline(1000):
        left = seconds_left()
        assert left is not None
        assert left <= 10
    with deadline(10), deadline(None):
        assert seconds_left() is not None
    assert seconds_left() is None


def test_a_task_inherits_the_deadline_and_two_turns_do_not_share_it() -> None:
    async def turn(seconds: float) -> float | None:
        with deadline(seconds):
            return await asyncio.create_task(asyncio.sleep(0, seconds_left()))

    async def both() -> list[float | None]:
        return list(await asyncio.gather(turn(5), turn(500)))

    short, long = asyncio.run(both())
    assert short is not None
    assert long is not None
    assert short <= 5 < 400 < long


def test_a_deadline_that_is_over_leaves_nothing_and_not_less() -> None:
    with deadline(-1):
        assert seconds_left() == pytest.approx(0)
