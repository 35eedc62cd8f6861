"""Loading the server of the turns."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys

import pytest

from assistant.settings import Settings
from assistant.turns.loading import load_server
from tests.support import desk

OURS = {"AGENT_FACTORY": desk.FACTORY}
SETTINGS = Settings(auth_mode="guest", agent_factory=desk.FACTORY)


def test_garbage_collections_leave_out_what_the_sdk_has_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    load_server.cache_clear()
    gc.unfreeze()
    load_server(SETTINGS)
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    # It is done once, not in each turn.
    monkeypatch.setattr(gc, "freeze", None)
    load_server(SETTINGS)


LOADED = ["agents", f"{desk.__name__}.specialists", "openai"]
PROGRAM = """
import asyncio, json, sys
from assistant.api import create_app

async def main() -> None:
    app = create_app(streaming=sys.argv[1] == "stream")
    async with app.router.lifespan_context(app):
        print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))

asyncio.run(main())
"""


def loaded_at_the_start(function: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, function, *LOADED],
        env={"PYTHONPATH": "layers/agents:.", "PATH": os.environ["PATH"], "AUTH_MODE": "guest", **OURS, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout)
    return names


def test_the_function_that_streams_loads_the_sdks_and_the_agents_at_its_start() -> None:
    assert loaded_at_the_start("stream", PRELOAD="init") == LOADED
    assert loaded_at_the_start("stream") == []
    assert loaded_at_the_start("chat", PRELOAD="init") == []


def test_a_process_starts_although_its_agents_cannot_be_loaded() -> None:
    assert "agents" in loaded_at_the_start("stream", PRELOAD="init", AGENT_FACTORY="no_such_package:build")
