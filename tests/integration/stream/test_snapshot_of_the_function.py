"""The function `stream` with SnapStart: imports before the snapshot, new connections after it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import desk

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
import asyncio, os, random, sys
import app
from assistant.models import clients
from assistant.otel import pipeline
from lambda_stream.snapstart import run_after_restore, run_before_snapshot

assert "agents" not in sys.modules, "start-up loads the SDK"
asyncio.run(run_before_snapshot())
assert "agents" in sys.modules, "the snapshot lacks the SDK"
assert "tests.support.desk.specialists" in sys.modules, "the snapshot lacks the agents"
resources = app.app.state.services.resources
assert resources.table._client is None and resources.objects._client is None, "a client of AWS is in the snapshot"
assert not clients._by_loop, "a connection is in the snapshot"
traced = "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ
assert ("opentelemetry.exporter.otlp.proto.http.trace_exporter" in sys.modules) is traced
assert not pipeline._pipelines, "a thread and a queue are in the snapshot"
numbers = random.getstate()
asyncio.run(run_after_restore())
assert random.getstate() != numbers, "each restored process would get the same numbers"
assert not clients._by_loop
print("restored")
"""


@pytest.mark.parametrize("more", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}], ids=["plain", "traced"])
def test_the_snapshot_holds_the_sdks_and_no_connection(more: dict[str, str]) -> None:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(ROOT / "functions/stream"), str(ROOT / "layers/agents"), str(ROOT))),
        "AUTH_MODE": "guest",
        "AGENT_FACTORY": desk.FACTORY,
        "LLM_PROVIDER": "openai",
        "OPENAI_API_KEY": "sk-test",
        "TABLE_NAME": "table",
        "BUCKET_NAME": "bucket",
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "restored\n", done.stderr
