"""The functions under Lambda's own runtime and under uvicorn, each in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.aws import Aws
from tests.support.files import PNG
from tests.support.sse import frames, text_of

ROOT = Path(__file__).parents[3]
START_SECONDS = 60

# Reads events from its standard input, one a line, and answers each on a line; as the managed runtime does, it
# calls the handler on the main thread, one event at a time.
RUNTIME = """
import asyncio, json, os, sys

# What the function logs goes to its standard output as well: it must not mix with the answers.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import app

class Context:
    aws_request_id = "1"
    def get_remaining_time_in_millis(self): return 600_000

loops = set()
# `stream` makes its adapter on first use.
adapter = app.lambda_handler if hasattr(app.lambda_handler, "app") else app
inner = adapter.app
async def watched(scope, receive, send):
    loops.add(id(asyncio.get_running_loop()))
    await inner(scope, receive, send)
adapter.app = watched

for line in sys.stdin:
    answer = app.lambda_handler(json.loads(line), Context())
    print(json.dumps({**answer, "loops": len(loops)}), file=answers, flush=True)
"""


def environment(aws: Aws, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join((str(ROOT / "layers" / "agents"), str(ROOT))),
        **aws.environment(**{"LLM_PROVIDER": "demo", "CHAT_TURN_SECONDS": "300", **more}),
    }


def event(method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> dict[str, Any]:
    """Return an event of a function URL or an HTTP API, payload format 2.0."""
    from base64 import b64encode

    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": content_type, "host": "test", "origin": "http://127.0.0.1:8000"},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "stage": "$default",
        },
        "body": b64encode(body).decode(),
        "isBase64Encoded": True,
    }


class Function:
    """A function's handler in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._requests: IO[str] = process.stdin
        self._answers: IO[str] = process.stdout

    def invoke(self, given: dict[str, Any]) -> dict[str, Any]:
        self._requests.write(json.dumps(given) + "\n")
        self._requests.flush()
        answer: dict[str, Any] = json.loads(self._answers.readline())
        return answer

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.invoke(event("POST", "/chatkit/api", json.dumps(body).encode()))


@contextmanager
def running(name: str, aws: Aws, **more: str) -> Iterator[Function]:
    with subprocess.Popen(
        [sys.executable, "-c", RUNTIME],
        cwd=ROOT / "functions" / name,
        env=environment(aws, **more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Function(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("name", ["chat", "stream"])
def test_one_event_loop_serves_every_invocation_of_a_process(name: str, table_and_bucket: Aws) -> None:
    with running(name, table_and_bucket) as function:
        assert json.loads(function.invoke(event("GET", "/health"))["body"])["provider"] == "demo"
        first = function.post({"input": {"content": "My lucky number is 31."}})
        events = frames(first["body"])
        second = function.post({"input": {"content": "And yours?"}, "thread_id": events[0]["thread"]["id"]})
        assert text_of(frames(second["body"]))
        assert second["loops"] == 1
    assert first["headers"]["content-type"].startswith("text/event-stream")
    assert first["headers"]["access-control-allow-origin"] == "http://127.0.0.1:8000"
    assert first["isBase64Encoded"] is False


def test_the_plain_call_is_one_object_on_chat(table_and_bucket: Aws) -> None:
    with running("chat", table_and_bucket) as function:
        answer = function.post({"message": {"content": "My lucky number is 31."}})
        refused = function.post({"message": {}})
    assert answer["statusCode"] == 200
    assert "31" in json.loads(answer["body"])["content"]
    assert refused["statusCode"] == 400


def test_upload_takes_a_binary_body(table_and_bucket: Aws) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        + PNG
        + b"\r\n--x--\r\n"
    )
    with running("upload", table_and_bucket) as function:
        answer = function.invoke(event("POST", "/chatkit/api/upload", form, "multipart/form-data; boundary=x"))
    assert answer["statusCode"] == 200, answer["body"]
    with urllib.request.urlopen(json.loads(answer["body"])["url"]) as file:
        assert file.read() == PNG


@pytest.mark.parametrize("name", ["chat", "stream", "upload"])
def test_uvicorn_serves_a_function_from_its_folder(name: str, table_and_bucket: Aws) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", "0"],
        cwd=ROOT / "functions" / name,
        env=environment(table_and_bucket),
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        try:
            url = next(line.partition("running on ")[2].split()[0] for line in server.stderr if "running on " in line)
            with urllib.request.urlopen(f"{url}/health", timeout=START_SECONDS) as answer:
                assert json.load(answer) == {"status": "healthy", "provider": "demo"}
        finally:
            server.terminate()


def test_a_function_that_is_configured_wrongly_does_not_start(table_and_bucket: Aws) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import app"],
        cwd=ROOT / "functions" / "chat",
        env=environment(table_and_bucket, LLM_PROVIDER="clippy"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "LLM_PROVIDER must be one of" in done.stderr
