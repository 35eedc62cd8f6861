"""What a turn costs in calls of the table."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from assistant.turns import lease
from tests.integration.turns.conftest import ProcessMaker
from tests.support.provider_server import Answer, ProviderServer, Text
from tests.support.turns import Process, addition, creation, follow

pytestmark = pytest.mark.anyio

READS = {"get_item", "query", "batch_get_item"}


class Counted:
    """Counts a process's calls of the table."""

    def __init__(self, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        self.operations: list[str] = []
        call = process.resources.table._call

        async def counted(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
            self.operations.append(operation)
            return await call(operation, request)

        monkeypatch.setattr(process.resources.table, "_call", counted)

    @property
    def writes(self) -> list[str]:
        return [operation for operation in self.operations if operation not in READS]


async def test_an_answer_of_thirty_seconds_takes_sixteen_writes_at_most(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A fifth of the time, with a fifth of each interval.
    for name in ("CHECKPOINT_SECONDS", "FLAG_POLL_SECONDS", "RENEWAL_SECONDS", "_MERGE_SECONDS"):
        interval = getattr(lease, name)
        monkeypatch.setattr(lease, name, interval / 5)
    provider.script(Answer(Text(" ".join(f"word{number}" for number in range(300))), pause=6 / 300))
    here = process()
    counted = Counted(here, monkeypatch)
    began = time.monotonic()
    client = await here.run(creation("hello"))
    seconds = (time.monotonic() - began) * 5
    assert client.error is None
    assert len(client.text.split()) == 300
    checkpoints = len(counted.writes) - 2
    # Fourteen in thirty seconds, and in the same proportion where the machine takes longer.
    assert 5 <= checkpoints < seconds / 2.0


async def test_a_short_answer_takes_two_writes_and_one_read(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = process()
    counted = Counted(here, monkeypatch)
    handle = await here.start(creation("hello"))
    await follow(handle)
    await handle.wait()
    # The first turn of a process also reads the records that change the tenant's limits.
    assert counted.operations == ["batch_get_item", "transact_write_items", "transact_write_items"]
    counted.operations.clear()
    await here.run(addition(handle.thread_id, "go on"))
    assert sorted(counted.operations) == ["query", "transact_write_items", "transact_write_items"]


async def test_a_silent_turn_still_renews_its_lease(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 0.5)
    provider.script(Answer(Text("at last"), pause=1.2))
    here = process()
    handle = await here.start(creation("hello"))
    first = (await here.turn_row(handle.thread_id))["lease"]
    counted = Counted(here, monkeypatch)
    await handle.wait()
    assert "update_item" in counted.operations
    assert first > 0
