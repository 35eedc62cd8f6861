"""A request imports only the modules that it needs, because imports take most of a cold start."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support import desk

# The packages of features that are off without a setting.
OFF = ["assistant.knowledge", "assistant.passages", "assistant.search", "assistant.memory"]
HEAVY = ["agents", "openai", "boto3", "botocore", "chatkit.server", "chatkit.agents", "jwt", "cryptography"]

PROGRAM = """
import asyncio, json, sys
from assistant.api import create_app, create_upload_app
from assistant.context import Resources
from assistant.settings import Settings
from starlette.types import Scope

async def health(app):
    async def receive(): return {"type": "http.request", "body": b"", "more_body": False}
    statuses = []
    async def send(message): statuses.append(message.get("status"))
    scope = {"type": "http", "method": "GET", "path": "/health", "raw_path": b"/health", "query_string": b"",
             "headers": [], "root_path": "", "scheme": "http", "server": ("x", 1), "client": ("x", 1),
             "http_version": "1.1"}
    await app(scope, receive, send)
    assert statuses[0] == 200, statuses

resources = Resources(Settings(auth_mode="guest", agent_factory="tests.support.desk:build_agent"))
for app in (create_app(resources, streaming=True), create_upload_app(resources)):
    asyncio.run(health(app))
print(json.dumps([name for name in sys.argv[1:] if name in sys.modules]))
"""


def test_the_apps_start_and_answer_health_without_the_sdks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *HEAVY, *OFF, desk.__name__],
        env={"PYTHONPATH": "layers/agents:."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []
