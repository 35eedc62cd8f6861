"""Bursts at the turn of a minute and of a day, over HTTP, at several processes on one table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.limits.conftest import ServerMaker
from tests.integration.limits.test_paid_actions import RECORDING, all_at_once, statuses
from tests.support.app_server import AppServer, new_thread

pytestmark = pytest.mark.anyio

LIMIT = 3


class Site:
    """Three processes whose clocks a test sets."""

    def __init__(self, serve: ServerMaker, folder: Path, **settings: str) -> None:
        self._shift = folder / "shift"
        self._shift.write_text("0")
        more = {"CLOCK_SHIFT": str(self._shift), "MAX_CONCURRENT_TURNS": "50", **settings}
        self.servers: list[AppServer] = [serve("tests.support.shifted_app:app", **more) for _ in range(3)]

    def set_clock(self, moment: datetime) -> None:
        """Let the processes' clocks show this moment now."""
        self._shift.write_text(str((moment - datetime.now(UTC)).total_seconds()))


def next_midnight() -> datetime:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)


def _message(seconds: int, number: int) -> dict[str, Any]:
    return new_thread(f"{seconds} {number}")


@pytest.mark.parametrize("of", ["", "TENANT_"])
async def test_bursts_of_messages_around_midnight_pass_as_one(
    serve: ServerMaker, token: str, tmp_path: Path, of: str
) -> None:
    site = Site(serve, tmp_path, **{f"{of}QUOTA_TURNS_PER_MINUTE": str(LIMIT)})
    passed = []
    for seconds in (-1, 1, 20, 120):
        site.set_clock(next_midnight() + timedelta(seconds=seconds))
        answers = await all_at_once(site.servers, token, partial(_message, seconds))
        assert set(statuses(answers)) <= {200, 429}
        passed.append(statuses(answers)[200])
    assert passed == [LIMIT, 0, 0, LIMIT]


async def test_bursts_of_recordings_around_midnight_pass_as_one(serve: ServerMaker, token: str, tmp_path: Path) -> None:
    site = Site(serve, tmp_path, QUOTA_TRANSCRIPTIONS_PER_MINUTE=str(LIMIT))
    passed = []
    for seconds in (-1, 1, 120):
        site.set_clock(next_midnight() + timedelta(seconds=seconds))
        passed.append(statuses(await all_at_once(site.servers, token, lambda number: RECORDING))[200])
    assert passed == [LIMIT, 0, LIMIT]
