"""`make sam-local`, and `sam local invoke` with every sample event: the real SAM, on a real Docker."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import httpx2
import pytest

from artifact import find_python
from local.sam_local import BUILD, containers
from local.settings import ROOT
from tests.sam_local.daemon import docker_daemon
from tests.sam_local.image import BUSYBOX, NAME, import_image, make_root
from tests.support.build import SHIPPED_PYTHON
from tests.support.dev import clean_environment
from tests.support.events import EVENTS, expected_status
from tests.support.every_operation import OPERATIONS, use_every_operation
from tests.support.rie import NULS, free_port
from tests.support.sam import sam
from tests.support.sample import needs_sample

pytestmark = [pytest.mark.exhaustive, needs_sample]

START_SECONDS = 300.0
ANSWER_SECONDS = 120.0
# Said to `sam local`, which would pull Lambda's image anew otherwise.
HAS_THE_IMAGE = "--skip-pull-image"
# `sam local invoke` waits for Docker most of its time.
INVOKED_AT_ONCE = 3
# Docker accepts SAM's request before Lambda's emulator in the container listens, and resets it. SAM repeats that for a
# moment only, then says this and exits with 0. The function has not run.
UNHEARD = "No response from invoke container"
ATTEMPTS = 3
SAMPLES = sorted(EVENTS.rglob("*.json"))


@pytest.fixture(scope="module")
def docker() -> Iterator[dict[str, str]]:
    """What makes clients use the machine's own Docker where it can pull Lambda's image, else one of this test's own."""
    if shutil.which("docker") and not subprocess.run(["docker", "pull", "--quiet", NAME], check=False).returncode:
        yield {}
        return
    python = find_python(SHIPPED_PYTHON)
    if os.geteuid() != 0 or not shutil.which("dockerd") or not BUSYBOX.exists():
        pytest.skip("needs a Docker that runs, or root and Debian's packages: apt-get install docker.io busybox-static")
    if python is None:
        pytest.skip(f"needs a Python {SHIPPED_PYTHON}, of which Lambda's image is made where it cannot be pulled")
    # A unix socket's path is short, and the daemon's files are large.
    folder = Path(tempfile.mkdtemp(prefix="docker-"))
    with docker_daemon(folder) as environment:
        root = make_root(folder / "image", Path(python))
        import_image(root, environment)
        shutil.rmtree(root)
        yield {"DOCKER_HOST": environment["DOCKER_HOST"]}


@pytest.fixture(scope="module")
def api(docker: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a `make sam-local`."""
    port = free_port()
    environment = clean_environment(
        **docker,
        SAM_PORT=str(port),
        SAM_LOCAL_FLAGS=HAS_THE_IMAGE,
        STATE_DIR=str(tmp_path_factory.mktemp("state")),
        # The tests' agents are not in the layer.
        AGENT_FACTORY="",
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
    process.wait(ANSWER_SECONDS)
    assert not containers(environment), "a container outlived it"


def test_every_operation_works_over_start_api(api: str) -> None:
    async def use() -> set[str]:
        async with httpx2.AsyncClient(base_url=api, timeout=ANSWER_SECONDS) as http:
            return await use_every_operation(http)

    assert asyncio.run(use()) == OPERATIONS


def test_what_is_no_operation_works_over_start_api(api: str) -> None:
    with httpx2.Client(base_url=api, timeout=ANSWER_SECONDS) as http:
        assert http.get("/health").json() == {"status": "healthy", "provider": "demo"}
        answer = http.post("/chatkit/api", json={"message": {"content": "hello"}})
        assert answer.status_code == HTTPStatus.OK, answer.text
        said = answer.json()
        assert said["done"]
        assert said["content"]
        file = ("notes.txt", b"Buy a heron", "text/plain")
        uploaded = http.post("/chatkit/api/upload", files={"file": file})
        assert uploaded.status_code == HTTPStatus.OK, uploaded.text
        assert uploaded.json()["name"] == "notes.txt"
        stopped = http.post("/chatkit/api/cancel", json={"thread_id": said["thread_id"]})
        assert stopped.json() == {"cancelled": False}
        assert http.get("/chatkit/api/usage").json()["turns"] > 0


def _invoke(docker: dict[str, str], event: Path, **variables: str) -> str:
    command = ["local", "invoke", f"{event.parent.name.capitalize()}Function", "--event", str(event)]
    command += ["--template", str(BUILD / "local.json"), HAS_THE_IMAGE]
    # Without an account SAM looks for one where AWS's own machines have theirs.
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true"}
    output = ""
    for _ in range(ATTEMPTS):
        output = sam(ROOT, *command, environment={**docker, **nowhere, **variables})
        if UNHEARD not in output:
            break
    return output


@pytest.fixture(scope="module")
def invocations(docker: dict[str, str], api: str) -> Iterator[dict[Path, Future[str]]]:
    """What `sam local invoke` prints for each sample event, by the template and the data of `make sam-local`."""
    with ThreadPoolExecutor(INVOKED_AT_ONCE) as pool:
        # The emulator that SAM runs functions in does not stream: `stream` runs as if it had no wrapper.
        yield {event: pool.submit(_invoke, docker, event, AWS_LAMBDA_EXEC_WRAPPER="") for event in SAMPLES}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_sam_local_invoke_works_for_each_sample_event(invocations: dict[Path, Future[str]], event: Path) -> None:
    output = invocations[event].result()
    # Other output may stand before the answer, also on its line.
    begin = re.search(r'\{"(statusCode|finished)"', output)
    assert begin, output[-2000:]
    answer, _ = json.JSONDecoder().raw_decode(output, begin.start())
    if event.parent.name == "sweep":
        assert answer["failed"] == 0
    else:
        assert answer["statusCode"] == expected_status(event.stem), answer


def test_sam_local_invoke_runs_the_wrapper(docker: dict[str, str], api: str) -> None:
    output = _invoke(docker, EVENTS / "stream" / "message.json")
    prelude, separator, body = output.partition(NULS.decode())
    assert separator
    assert json.loads(prelude[prelude.rindex('{"statusCode"') :])["statusCode"] == HTTPStatus.OK
    assert '"done":true' in body
