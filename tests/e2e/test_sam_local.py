"""`make sam-local`, and `sam local invoke` with every sample event: the real SAM, on a real Docker."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from layers.agents.artifact import find_python
from local.sam_local import BUILD
from local.settings import ROOT
from tests.sam_local.daemon import docker_daemon
from tests.sam_local.image import BUSYBOX, import_image, make_root
from tests.support.build import MACHINE
from tests.support.dev import clean_environment
from tests.support.rie import EVENTS, NULS, free_port
from tests.support.sam import sam

pytestmark = pytest.mark.exhaustive

START_SECONDS = 300.0


@pytest.fixture(scope="module")
def docker() -> Iterator[dict[str, str]]:
    """The environment of clients of a daemon that holds the image."""
    python = find_python("3.13")
    if os.geteuid() != 0 or not shutil.which("dockerd") or not BUSYBOX.exists():
        pytest.skip("needs root and Debian's packages: apt-get install docker.io busybox-static")
    if python is None:
        pytest.skip("needs a Python 3.13, of which Lambda's image is made here")
    # A unix socket's path is short, and the daemon's files are large.
    folder = Path(tempfile.mkdtemp(prefix="docker-"))
    with docker_daemon(folder) as environment:
        root = make_root(folder / "image", Path(python))
        import_image(root, environment)
        shutil.rmtree(root)
        yield environment


@pytest.fixture(scope="module")
def api(docker: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a `make sam-local`."""
    port = free_port()
    environment = clean_environment(
        DOCKER_HOST=docker["DOCKER_HOST"],
        SAM_PORT=str(port),
        SAM_LOCAL_FLAGS="--skip-pull-image",
        STATE_DIR=str(tmp_path_factory.mktemp("state")),
    )
    log = tmp_path_factory.mktemp("sam-local") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "--silent", "sam-local"], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    deadline = time.monotonic() + START_SECONDS
    while f"Running on http://127.0.0.1:{port}" not in log.read_text():
        assert process.poll() is None, log.read_text()[-4000:]
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.5)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(120)
    assert not _containers(docker), "a container outlived it"


def _containers(docker: dict[str, str]) -> list[str]:
    return subprocess.run(
        ["docker", "ps", "--quiet"], env=docker, capture_output=True, text=True, check=True
    ).stdout.split()


def _call(url: str, body: bytes | None = None, kind: str = "application/json") -> tuple[int, Any]:
    request = urllib.request.Request(url, body, {"Content-Type": kind} if body is not None else {})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _operate(api: str, operation: str, **parameters: Any) -> tuple[int, Any]:
    status, answer = _call(f"{api}/chatkit/api", json.dumps({"type": operation, "params": parameters}).encode())
    if answer.startswith(b"data: "):
        return status, [json.loads(frame[6:]) for frame in answer.decode().split("\n\n") if frame.startswith("data: ")]
    return status, json.loads(answer)


def _input(text: str) -> dict[str, Any]:
    return {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}}


def test_every_operation_works_over_start_api(api: str) -> None:
    assert _call(f"{api}/health") == (200, b'{"status":"healthy","provider":"demo"}')
    status, events = _operate(api, "threads.create", input=_input("add task feed the heron"))
    assert status == 200
    thread = next(event["thread"]["id"] for event in events if event["type"] == "thread.created")
    status, events = _operate(api, "threads.add_user_message", thread_id=thread, input=_input("list my tasks"))
    assert status == 200
    assert "feed the heron" in json.dumps(events)
    status, page = _operate(api, "items.list", thread_id=thread, limit=50, order="asc")
    assert status == 200
    users = [item["id"] for item in page["data"] if item["type"] == "user_message"]
    answers = [item["id"] for item in page["data"] if item["type"] == "assistant_message"]
    widgets = [item["id"] for item in page["data"] if item["type"] == "widget"]
    assert len(users) == 2
    assert answers
    assert widgets
    assert _operate(api, "threads.get_by_id", thread_id=thread)[1]["id"] == thread
    assert thread in [entry["id"] for entry in _operate(api, "threads.list", limit=20)[1]["data"]]
    assert _operate(api, "threads.update", thread_id=thread, title="Herons")[1]["title"] == "Herons"
    assert _operate(api, "items.feedback", thread_id=thread, item_ids=[answers[-1]], kind="positive")[0] == 200
    assert _operate(api, "threads.retry_after_item", thread_id=thread, item_id=users[-1])[0] == 200
    status, attachment = _operate(api, "attachments.create", name="notes.txt", size=4, mime_type="text/plain")
    assert status == 200
    assert _operate(api, "attachments.delete", attachment_id=attachment["id"])[0] == 200
    form = (
        b'--frame\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nBuy a heron\r\n--frame--\r\n"
    )
    status, answer = _call(f"{api}/chatkit/api/upload", form, "multipart/form-data; boundary=frame")
    assert status == 200, answer
    assert json.loads(answer)["name"] == "notes.txt"
    assert _call(f"{api}/chatkit/api/cancel", json.dumps({"thread_id": thread}).encode())[0] == 200
    assert _call(f"{api}/chatkit/api/usage")[0] == 200
    # What answers to nothing that is waiting is refused, and not lost on the way.
    assert _operate(api, "threads.add_client_tool_output", thread_id=thread, result={})[0] in (200, 400, 404, 409)
    assert _operate(api, "threads.delete", thread_id=thread)[0] == 200
    assert _operate(api, "threads.get_by_id", thread_id=thread)[0] == 404


def _invoke(docker: dict[str, str], template: Path, function: str, event: Path, variables: Path) -> bytes:
    command = ["local", "invoke", function, "--template", str(template), "--event", str(event), "--skip-pull-image"]
    command += ["--env-vars", str(variables), "--parameter-overrides", f"Architecture={MACHINE}"]
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    return sam(ROOT, *command, environment={**docker, **credentials}).encode()


@pytest.fixture(scope="module")
def template(api: str) -> Path:
    """The built template as `make sam-local` has written it, with its table and bucket."""
    return BUILD / "local.json"


@pytest.mark.parametrize("event", sorted(EVENTS.rglob("*.json")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_sam_local_invoke_works_for_each_sample_event(
    docker: dict[str, str], template: Path, tmp_path: Path, event: Path
) -> None:
    function = f"{event.parent.name.capitalize()}Function"
    variables = tmp_path / "variables.json"
    variables.write_text(json.dumps({"StreamFunction": {"AWS_LAMBDA_EXEC_WRAPPER": ""}}))
    output = _invoke(docker, template, function, event, variables)
    [answer] = [json.loads(line) for line in output.splitlines() if line.startswith((b'{"statusCode"', b'{"finished"'))]
    assert answer.get("failed", 0) == 0
    assert answer.get("statusCode", 200) < 500


def test_sam_local_invoke_runs_the_wrapper(docker: dict[str, str], template: Path, tmp_path: Path) -> None:
    variables = tmp_path / "variables.json"
    variables.write_text("{}")
    output = _invoke(docker, template, "StreamFunction", EVENTS / "stream" / "message.json", variables)
    assert NULS in output
    assert b'"done":true' in output.partition(NULS)[2]
