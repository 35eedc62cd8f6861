"""`make dev`: what a person sees who starts it, uses it, stops it and starts it again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.server import BROKEN_SECONDS
from local.settings import ROOT
from local.stack import client
from tests.support.collector import Collector
from tests.support.dev import DevServer, clean_environment


def _get(url: str, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _say(url: str, text: str, thread: str | None = None, token: str | None = None) -> Any:
    """Send a message as clients do: a 503 with Retry-After is repeated with the same key, so the turn runs once."""
    body = {"message": {"content": text}} | ({"thread_id": thread} if thread else {})
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    deadline = time.monotonic() + 60
    while True:
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            answer = error.read().decode()
            if error.code != 503 or "Retry-After" not in error.headers or time.monotonic() > deadline:
                raise AssertionError(f"{error.code}: {answer}") from error
            time.sleep(int(error.headers["Retry-After"]))


def _threads(server: DevServer) -> list[str]:
    body = json.dumps({"type": "threads.list", "params": {"limit": 20}}).encode()
    request = urllib.request.Request(server.chat_url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return [thread["id"] for thread in json.load(response)["data"]]


def _items(server: DevServer, thread: str) -> list[str]:
    """Return the texts of a thread's messages, oldest first."""
    body = {"type": "items.list", "params": {"thread_id": thread, "order": "asc", "limit": 50}}
    request = urllib.request.Request(server.chat_url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        items = json.load(response)["data"]
    return ["".join(part.get("text", "") for part in item["content"]) for item in items if "content" in item]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[DevServer]:
    server = DevServer(tmp_path)
    yield server
    if server.process.poll() is None:
        server.stop()


def test_when_it_says_ready_every_address_that_it_prints_answers(dev_server: DevServer) -> None:
    for base in (dev_server.chat_url, dev_server.stream_url):
        status, body = _get(base.removesuffix("/chatkit/api") + "/health")
        assert status == 200
        assert json.loads(body) == {"status": "healthy", "provider": "demo"}
    status, body = _get(dev_server.page_url)
    assert status == 200
    assert b"openai-chatkit" in body
    status, body = _get(dev_server.page_url + "playground.json")
    assert json.loads(body) == {
        "chat_url": dev_server.chat_url,
        "stream_url": dev_server.stream_url,
        "upload_url": dev_server.upload_url,
        "composer": {"models": [], "tools": []},
        "panel": True,
    }
    aws = client("dynamodb", dev_server.aws_endpoint_url)
    assert aws.describe_table(TableName=dev_server.table_name)["Table"]["TableStatus"] == "ACTIVE"


def test_chat_and_stream_are_two_origins_of_one_system(dev_server: DevServer) -> None:
    assert dev_server.chat_url.split("/")[2] != dev_server.stream_url.split("/")[2]
    thread = _say(dev_server.chat_url, "hello from one origin")["thread_id"]
    request = urllib.request.Request(
        dev_server.stream_url,
        json.dumps({"type": "threads.get_by_id", "params": {"thread_id": thread}}).encode(),
        {"Content-Type": "application/json", "Origin": dev_server.origin},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.headers["Access-Control-Allow-Origin"] == dev_server.origin
        assert json.load(response)["id"] == thread


def test_a_page_that_has_given_its_own_name_this_machines_address_is_refused(dev_server: DevServer) -> None:
    for url in (dev_server.page_url + "health", dev_server.stream_url.removesuffix("/chatkit/api") + "/health"):
        port = url.split("/")[2].partition(":")[2]
        for host, expected in (("rebound.example", 400), (f"rebound.example:{port}", 400), (f"localhost:{port}", 200)):
            assert _get(url, Host=host)[0] == expected


def test_a_token_of_make_token_is_its_user_and_no_other_key_signs_one(dev_server: DevServer, tmp_path: Path) -> None:
    command = ["make", "--silent", "token", "USER=ann", "TENANT=acme", "ROLE=admin"]
    environment = clean_environment(STATE_DIR=str(dev_server.state))
    made = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    token = made.stdout.strip()
    thread = _say(dev_server.chat_url, "mine", token=token)["thread_id"]
    assert thread not in _threads(dev_server), "the guest sees another user's thread"

    for bad in (dev_server.token(lifetime=-120), token[:-8] + "AAAAAAAA", "nonsense"):
        status, _ = _get(dev_server.chat_url.removesuffix("/api") + "/api/usage", Authorization=f"Bearer {bad}")
        assert status == 401
    foreign = subprocess.run(
        command, cwd=ROOT, env=clean_environment(STATE_DIR=str(tmp_path)), capture_output=True, text=True, check=True
    )
    status, _ = _get(
        dev_server.chat_url.removesuffix("/api") + "/api/usage", Authorization=f"Bearer {foreign.stdout.strip()}"
    )
    assert status == 401


def test_both_ports_answer_below_a_base_path_and_without_it(tmp_path: Path) -> None:
    server = DevServer(tmp_path, {"BASE_PATH": "/assistant,/x"})
    try:
        for url in (server.chat_url, server.stream_url):
            origin = url.removesuffix("/chatkit/api")
            for base in ("", "/assistant", "/x", "/assistant/x"):
                assert _get(f"{origin}{base}/health")[0] == 200, base
            assert _get(f"{origin}/other/health")[0] == 404
        assert _say(f"{server.origin}/assistant/chatkit/api", "hello")["done"]
        # The upload's route leads to `upload`, which wants a file.
        assert _get(f"{server.origin}/assistant/chatkit/api/upload")[0] == 405
        assert _get(server.page_url)[0] == 200
    finally:
        server.stop()


@pytest.mark.exhaustive
def test_every_process_exports_traces_where_env_says_so(tmp_path: Path) -> None:
    with Collector() as collector:
        server = DevServer(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"})
        try:
            thread = _say(server.chat_url, "hello")["thread_id"]
            _stream(server.stream_url, "hello")
            roots = collector.wait_for("invoke_workflow", 2)
        finally:
            server.stop()
    assert thread in {root.attributes["session.id"] for root in roots}
    # Each process is an instance of the service.
    assert len({root.resource["service.instance.id"] for root in roots}) == 2


def _stream(url: str, text: str) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps({"message": {"content": text}}).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        response.read()


def test_threads_and_files_outlive_a_restart(own_server: DevServer) -> None:
    thread = _say(own_server.chat_url, "remember the heron")["thread_id"]
    before = _items(own_server, thread)
    assert any("remember the heron" in text for text in before)
    s3 = client("s3", own_server.aws_endpoint_url)
    s3.put_object(Bucket=own_server.bucket_name, Key="kept", Body=b"bytes", ContentType="text/plain")
    table, bucket = own_server.table_name, own_server.bucket_name
    own_server.restart()
    assert (own_server.table_name, own_server.bucket_name) == (table, bucket)
    assert _items(own_server, thread) == before
    kept = client("s3", own_server.aws_endpoint_url).get_object(Bucket=bucket, Key="kept")
    assert (kept["Body"].read(), kept["ContentType"]) == (b"bytes", "text/plain")


def test_a_kill_loses_no_turn_that_was_answered_two_seconds_ago(own_server: DevServer) -> None:
    thread = _say(own_server.chat_url, "remember the otter")["thread_id"]
    before = _items(own_server, thread)
    time.sleep(2)
    # The hardest case: every process of it at once, so that none can still save.
    victims = [own_server.process.pid, *_descendants(own_server.process.pid)]
    assert len(victims) >= 5, "the server, the local AWS, chat, stream and sweep"
    for pid in victims:
        _kill(pid)
    own_server.process.wait()
    own_server.start()
    assert _items(own_server, thread) == before


def test_a_function_that_dies_is_started_again(own_server: DevServer) -> None:
    thread = _say(own_server.chat_url, "before")["thread_id"]
    children = Path(f"/proc/{own_server.process.pid}/task/{own_server.process.pid}/children").read_text().split()
    chat = next(pid for pid in children if b"\0chat\0" in Path(f"/proc/{pid}/cmdline").read_bytes())
    time.sleep(BROKEN_SECONDS)
    os.kill(int(chat), signal.SIGKILL)
    own_server.await_line("chat ended with exit code -9; starting it again")
    assert _say(own_server.chat_url, "after", thread)["thread_id"] == thread


def test_a_kill_of_the_server_alone_leaves_nothing_running(own_server: DevServer) -> None:
    children = _descendants(own_server.process.pid)
    own_server.kill9()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in children):
        assert time.monotonic() < deadline, "a child outlived the server"
        time.sleep(0.1)


def _descendants(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except FileNotFoundError:
                continue
            if parent == pid:
                found += [int(folder.name), *_descendants(int(folder.name))]
    return found


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, id="ctrl-c"),
        pytest.param(signal.SIGTERM, id="sigterm", marks=pytest.mark.exhaustive),
    ],
)
def test_make_dev_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    server = DevServer(tmp_path, command=["make", "--silent", "dev"])
    children = _descendants(server.process.pid)
    assert children
    # A terminal sends Ctrl-C to all of the group, a supervisor SIGTERM to the one process that it started.
    if number == signal.SIGINT:
        os.killpg(server.process.pid, number)
    else:
        server.process.send_signal(number)
    server.process.wait(60)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert not [line for line in server.lines if "Traceback" in line]


def test_a_port_that_is_taken_is_named_with_the_setting_for_it(dev_server: DevServer, tmp_path: Path) -> None:
    taken = dev_server.page_url.split(":")[-1].strip("/")
    environment = clean_environment(PORT=taken, STREAM_PORT="0", AWS_PORT="0", STATE_DIR=str(tmp_path))
    command = [*dev_server.command]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"Port {taken}" in done.stderr
    assert "set PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_server_on_the_same_folder_is_refused(own_server: DevServer) -> None:
    done = subprocess.run(
        own_server.command, cwd=ROOT, env=own_server.environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "STATE_DIR" in done.stderr
    assert "Traceback" not in done.stderr


def _checkout(folder: Path) -> Path:
    """Return a copy of what a dev server runs."""
    checkout = folder / "checkout"
    for name in ("functions", "layers", "local"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", checkout)
    (checkout / ".envs").symlink_to(ROOT / ".envs")
    return checkout


def test_a_wrong_setting_is_said_in_a_line_and_put_right_in_the_file_without_a_restart(tmp_path: Path) -> None:
    checkout = _checkout(tmp_path)
    server = DevServer(tmp_path / "state", {"RELOAD": "true"}, root=checkout)
    try:
        # A file that was not there when the server began, then one that an editor puts in its place.
        for number, text, line in [
            (1, "THREAD_TITLES=maybe", "chat cannot start: THREAD_TITLES must be true or false, not 'maybe'."),
            (2, "THREAD_TITLES=false", "ready"),
            (3, "THREAD_TITLES=true", "ready"),
        ]:
            draft = checkout / f"draft-{number}"
            draft.write_text(text)
            draft.replace(checkout / ".env")
            server.await_line("Changed: .env")
            server.await_line(line)
        assert not [line for line in server.lines if "Traceback" in line]
    finally:
        server.stop()


def test_a_change_of_the_code_is_served_after_a_moment(tmp_path: Path) -> None:
    checkout = _checkout(tmp_path)
    server = DevServer(tmp_path / "state", {"RELOAD": "true"}, root=checkout)
    try:
        app = checkout / "functions" / "chat" / "app.py"
        app.write_text(app.read_text() + '\n\n@app.get("/chatkit/new")\ndef new() -> str:\n    return "new"\n')
        server.await_line("Changed: app.py")
        server.await_line("ready")
        assert _get(f"{server.origin}/chatkit/new") == (200, b'"new"')
    finally:
        server.stop()
