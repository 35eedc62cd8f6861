"""A turn whose process stands still while its user is erased writes nothing when the process goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from assistant import clock
from assistant.aws import keys
from assistant.upkeep import erase, request_erasure, sweep
from tests.faults.apart import Apart
from tests.faults.conftest import Stage
from tests.faults.points import Points
from tests.faults.scenes import SCENES as OPERATIONS
from tests.support.turns import Process

pytestmark = pytest.mark.anyio

# What the claim of a turn holds: the process stands still at calls after it.
CLAIMED = "'state': {'S': 'running'}"


async def _rows(process: Process) -> list[dict[str, Any]]:
    """Return all rows of the user, except the mark of the erasure."""
    pages: Any = process.resources.table.client.get_paginator("scan").paginate(
        TableName=process.resources.table.name, ConsistentRead=True
    )
    user = process.caller.user_id
    rows = [row for page in pages for row in page["Items"] if user in row["pk"]["S"]]
    return [row for row in rows if row["sk"]["S"] != keys.LIVE_SK]


@pytest.mark.parametrize("operation", ["create", "add"])
@pytest.mark.parametrize("at", [2, 5, 9])
async def test_a_turn_that_lives_on_writes_nothing(
    stages: Iterator[Stage], operation: str, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = next(stages)
    healthy = stage.process()
    _, request = await OPERATIONS[operation](healthy)
    apart = Apart(stage.settings, stage.caller, request, Points(at=at, harm="stalled", since=CLAIMED))
    assert await apart.stands_still(), "the turn has ended before"
    work = await request_erasure(healthy.resources, stage.caller)
    while not await erase(healthy.resources, work):
        pass
    own_records = keys.app_partition(stage.caller.tenant_id, stage.caller.user_id)
    assert await _rows(healthy) == []
    await apart.answer()
    # A tool that was running may have written a record of the agents' own. Nothing else appears.
    assert [row for row in await _rows(healthy) if row["pk"]["S"] != own_records] == []
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(minutes=21))
    await sweep(healthy.resources)
    assert await _rows(healthy) == []
