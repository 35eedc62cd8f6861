"""A `sys.exit()` in the agents' package fails one request or turn. The process and its other turns go on."""

from __future__ import annotations

import importlib

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.own_package import PACKAGES

pytestmark = pytest.mark.anyio

PATHS = {
    "/chatkit/api/entities?query=heron": "GET /chatkit/api/entities",
    "/chatkit/api/own/leave/heron": "GET /chatkit/api/own/leave/{name}",
    "/chatkit/api/own/leave-in-a-thread/heron": "GET /chatkit/api/own/leave-in-a-thread/{name}",
    "/chatkit/api/own/set/heron": "GET /chatkit/api/own/set/{name}",
}


async def test_an_exit_fails_one_request_or_turn(
    aws_environment: Aws, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(PACKAGES))
    environment = aws_environment.environment(
        LLM_PROVIDER="demo", AGENT_FACTORY="leaving:build_agent", THREAD_TITLES="false"
    )
    async with client(create_app(Resources(load_settings(environment)), streaming=True)) as http:
        leaving = importlib.import_module("leaving")
        thread = ChatKitClient(http)
        for part in ("instructions", "guard", "find_sources"):
            caplog.clear()
            monkeypatch.setattr(leaving, "EXITS", {part})
            await thread.say("Hello")
            assert "SystemExit" in caplog.text
            failed = [event for event in thread.events if event["type"] == "error"]
            # An answer without its sources is better than no answer.
            assert bool(failed) is (part != "find_sources")
        monkeypatch.setattr(leaving, "EXITS", set())
        assert await thread.say("Hello")

        caplog.clear()
        action = {"type": "leave", "payload": {}}
        events = await thread.stream("threads.custom_action", thread_id=thread.thread_id, item_id=None, action=action)
        assert [event["type"] for event in events if event["type"] in ("progress_update", "error")] == [
            "progress_update",
            "error",
        ]
        assert "SystemExit" in caplog.text

        for path, shown in PATHS.items():
            caplog.clear()
            answer = await http.get(path)
            assert answer.status_code == 500
            (line,) = [record.message for record in caplog.records if record.name == "assistant.api.errors"]
            assert line.startswith(f"A request failed at {shown}")
            assert "heron" not in caplog.text
        assert await thread.say("Hello")
