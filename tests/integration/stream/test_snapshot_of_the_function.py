"""The function `stream` with SnapStart: imports before the snapshot, new connections after it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
import asyncio, random, sys
import app
from assistant.models import clients
from lambda_stream.snapstart import run_after_restore, run_before_snapshot

assert "agents" not in sys.modules, "start-up loads the SDK"
asyncio.run(run_before_snapshot())
assert "agents" in sys.modules, "the snapshot lacks the SDK"
assert "helpdesk.specialists" in sys.modules, "the snapshot lacks the agents"
resources = app.app.state.services.resources
assert resources.table._client is None and resources.objects._client is None, "a client of AWS is in the snapshot"
assert not clients._by_loop, "a connection is in the snapshot"
numbers = random.getstate()
asyncio.run(run_after_restore())
assert random.getstate() != numbers, "each restored process would get the same numbers"
assert not clients._by_loop
print("restored")
"""


def test_the_snapshot_holds_the_sdks_and_no_connection() -> None:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(ROOT / "functions/stream"), str(ROOT / "layers/agents"))),
        "AUTH_MODE": "guest",
        "LLM_PROVIDER": "openai",
        "OPENAI_API_KEY": "sk-test",
        "TABLE_NAME": "table",
        "BUCKET_NAME": "bucket",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "restored\n", done.stderr
