"""A limit per minute slides: no 60 seconds have more turns than it, wherever a minute of the clock ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from assistant import clock
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.errors import QuotaExceededError
from assistant.settings import Quota
from tests.integration.turns.conftest import ProcessMaker
from tests.support.provider_server import Answer, ProviderServer, Text
from tests.support.turns import Process, creation

pytestmark = pytest.mark.anyio

LIMIT = 3
BEGIN = datetime(2026, 3, 1, 23, 58, 59, tzinfo=UTC)


async def begun(here: Process, monkeypatch: pytest.MonkeyPatch, second: float, tries: int) -> int:
    """Return how many of so many turns begin at that second."""
    monkeypatch.setattr(clock, "now", lambda: BEGIN + timedelta(seconds=second))
    count, waits = 0, list[float]()
    for number in range(tries):
        try:
            handle = await here.start(creation(f"{second} {number}"))
        except QuotaExceededError as error:
            waits.append(error.retry_after or 0.0)
        else:
            await handle.wait()
            count += 1
    assert all(0 < wait <= 60 for wait in waits)
    return count


@pytest.mark.parametrize("of", ["user", "tenant"])
async def test_bursts_around_the_end_of_a_minute_and_of_a_day_pass_once(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    provider.script(*[Answer(Text("fine"))] * 4 * LIMIT)
    quota = {f"{of}_quota": Quota(turns_per_minute=LIMIT)}
    here = process(**quota, thread_titles=False)
    here.caller = type(here.caller)(f"{of}-sliding", here.caller.user_id)
    # The third burst is in another minute and on another day than the second.
    passed = [await begun(here, monkeypatch, second, 2 * LIMIT) for second in (0.5, 1.5, 60.4, 60.5, 61.5, 120.6)]
    assert passed == [LIMIT, 0, 0, LIMIT, 0, LIMIT]


async def test_a_list_of_times_stays_short_and_the_turns_that_end_leave_it(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.script(*[Answer(Text("fine"))] * 20)
    here = process(user_quota=Quota(turns_per_minute=LIMIT), thread_titles=False)
    for number in range(20):
        assert await begun(here, monkeypatch, 61 * number, 1) == 1
    row = await here.resources.table.get(Key(here.caller.partition, keys.LIVE_SK))
    assert row is not None
    assert len(row["recent"]) == LIMIT
    assert "running" not in row
