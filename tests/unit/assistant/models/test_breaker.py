"""A provider that keeps failing is set aside, tried again later, and welcome when it answers."""

from __future__ import annotations

import pytest

from assistant.models import breaker
from assistant.models.breaker import FAILURES_TO_OPEN, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Breaker


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(breaker, "time", clock)
    return clock


def opened() -> Breaker:
    record = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        assert allowed(record)
        record.failed()
    return record


def allowed(record: Breaker) -> bool:
    """Call the provider, if it should be called."""
    if not record.allows():
        return False
    record.begins()
    return True


def test_it_opens_after_failures_in_a_row_and_a_success_between_them_counts(clock: Clock) -> None:
    record = Breaker()
    for _ in range(FAILURES_TO_OPEN * 3):
        record.failed()
        record.succeeded()
        assert record.allows()
    assert not opened().allows()


def test_when_the_pause_is_over_one_call_tries_and_others_stay_away(clock: Clock) -> None:
    record = opened()
    clock.now += FIRST_PAUSE_SECONDS
    assert [allowed(record) for _ in range(3)] == [True, False, False]
    record.succeeded()
    assert [allowed(record) for _ in range(3)] == [True, True, True]


def test_a_failed_trial_makes_the_next_pause_longer_up_to_a_limit(clock: Clock) -> None:
    record = opened()
    for _ in range(10):
        clock.now += LONGEST_PAUSE_SECONDS
        assert allowed(record)
        record.failed()
        clock.now += FIRST_PAUSE_SECONDS
        assert not record.allows()
    assert record.pause == LONGEST_PAUSE_SECONDS
