"""A tool that blocks the event loop keeps its turn, and a plain function does not block it."""

from __future__ import annotations

import asyncio
import time

import pytest

from assistant.threads import turn_record
from assistant.threads.turn_record import load_record
from assistant.turns import lease, watchdog
from tests.integration.turns.conftest import ProcessMaker
from tests.support import turn_agents
from tests.support.provider_server import Answer, ProviderServer, Text, ToolCall
from tests.support.turns import creation, follow

pytestmark = pytest.mark.anyio


async def test_a_tool_that_blocks_the_loop_beyond_the_lease_keeps_its_turn_and_is_named(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(turn_record, "LEASE_SECONDS", 3.0)
    monkeypatch.setattr(watchdog, "RENEWAL_SECONDS", 1.0)
    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 1.0)
    provider.script(Answer(ToolCall("block_loop", {"seconds": 6})), Answer(Text("done")))
    here, there = process(), process()
    handle = await here.start(creation("hello"))

    def alive_while_blocked() -> bool:
        """Read the turn from a thread, which is another process to the table, 5 s after the tool has started."""
        while not turn_agents.calls["block_loop"]:
            time.sleep(0.01)
        time.sleep(5.0)
        record = load_record(asyncio.run(there.turn_row(handle.thread_id)))
        return record is not None and record.alive

    alive = asyncio.get_running_loop().run_in_executor(None, alive_while_blocked)
    client = await follow(handle)
    assert await alive
    assert client.error is None
    assert client.text == "done"
    assert "block_loop" in caplog.text


async def test_a_plain_function_is_a_tool_and_leaves_the_loop_free(
    process: ProcessMaker, provider: ProviderServer, caplog: pytest.LogCaptureFixture
) -> None:
    provider.script(Answer(ToolCall("block_thread", {"seconds": 2})), Answer(Text("done")))
    here = process()
    handle = await here.start(creation("hello"))
    client = await follow(handle)
    assert client.text == "done"
    assert turn_agents.calls["block_thread"] == 1
    assert "the event loop is blocked" not in caplog.text
