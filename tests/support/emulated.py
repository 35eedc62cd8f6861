"""Built functions under the Runtime Interface Emulator that `sam local` uses: the binary of the aws-sam-cli package."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.settings import ROOT
from tests.support.aws import Aws
from tests.support.build import MACHINE, RUNTIME_PYTHON, Built

_EMULATORS = (ROOT / ".envs" / "sam" / "lib").glob(f"python*/site-packages/samcli/local/rapid/aws-lambda-rie-{MACHINE}")
EMULATOR = next(_EMULATORS, Path("aws-lambda-rie-is-not-installed"))
RUNTIME = ROOT / "tests" / "sam_local" / "runtime"
EVENTS = ROOT / "events"
START_SECONDS = 60.0
NULS = bytes(8)


def event(name: str) -> dict[str, Any]:
    """Return a sample event, such as `chat/message`."""
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


@dataclass
class Emulated:
    """A function that waits for invocations, one at a time."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def invoke(self, payload: dict[str, Any]) -> bytes:
        """Invoke it and return all bytes of its response."""
        request = urllib.request.Request(self.url, json.dumps(payload).encode())
        with urllib.request.urlopen(request, timeout=120) as response:
            answer: bytes = response.read()
        return answer

    def respond(self, payload: dict[str, Any]) -> tuple[int, dict[str, str], str]:
        """Invoke it with an HTTP event, and return the status, headers and body that it answers."""
        raw = self.invoke(payload)
        if NULS in raw:
            prelude, _, body = raw.partition(NULS)
            head = json.loads(prelude)
            return head["statusCode"], head["headers"], body.decode()
        answer = json.loads(raw)
        assert "statusCode" in answer, f"{answer}\n{self.log.read_text()}"
        return answer["statusCode"], answer.get("headers", {}), answer.get("body", "")


def free_port() -> int:
    """Return a port that was free a moment ago: the emulator takes numbers only."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def lambda_environment(aws: Aws, task: str, **more: str) -> dict[str, str]:
    """Return a function's environment: guests and the demo model allowed."""
    return {
        **aws.environment(),
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LLM_PROVIDER": "demo",
        "ALLOW_DEMO": "true",
        "ALLOW_GUESTS": "true",
        "AWS_LAMBDA_FUNCTION_NAME": "emulated",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
        "LAMBDA_TASK_ROOT": task,
        "POWERTOOLS_SERVICE_NAME": "chatkit",
        "POWERTOOLS_METRICS_NAMESPACE": "ChatKit",
        **more,
    }


def start(command: list[str], environment: dict[str, str], folder: Path, log: Path, port: int) -> Emulated:
    """Start a command that runs the emulator, and wait until it listens."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
    return Emulated(f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations", process, log)


def stop(emulated: Emulated) -> None:
    """End the emulator and the function that it started: they are one process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(emulated.process.pid, signal.SIGKILL)
    emulated.process.wait()


def addresses(port: int) -> list[str]:
    """Return the flags that keep the emulator on 127.0.0.1."""
    return [
        "--runtime-interface-emulator-address",
        f"127.0.0.1:{port}",
        "--runtime-api-address",
        f"127.0.0.1:{free_port()}",
    ]


Emulate = Callable[..., Emulated]


@pytest.fixture(scope="module")
def emulate(built: Built, table_and_bucket: Aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulate]:
    """Start a built function by its name, with variables added to its environment.

    `emulate("chat")` runs it as the managed runtime does; `emulate("stream", wrapped=True)` through its wrapper.
    """
    running: list[Emulated] = []

    def begin(name: str, *, wrapped: bool = False, **more: str) -> Emulated:
        folder = built.function(name)
        port = free_port()
        command = [str(RUNTIME_PYTHON), "-m", "awslambdaric", "app.lambda_handler"]
        if wrapped:
            command = [str(folder / "stream-runtime"), *command]
        environment = lambda_environment(table_and_bucket, str(folder), **more)
        # The runtime's own packages come after the layer's, as in the managed runtime.
        environment["PYTHONPATH"] = str(built.layer / "python")
        log = tmp_path_factory.mktemp(name) / "log"
        running.append(start([str(EMULATOR), *addresses(port), *command], environment, folder, log, port))
        return running[-1]

    yield begin
    for emulated in running:
        stop(emulated)


_CAN_MOUNT = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/var"]


@pytest.fixture(scope="module")
def emulate_in_place(
    built: Built, table_and_bucket: Aws, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulate]:
    """Start a built function with no command at all and everything where Lambda has it, as `sam local` does.

    /var/task, /var/runtime and /opt are mounted for this process alone, in a user namespace.
    """
    try:
        subprocess.run(_CAN_MOUNT, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine lets no user mount in a namespace of its own (unshare --user --mount)")
    running: list[Emulated] = []

    def begin(name: str, **more: str) -> Emulated:
        port = free_port()
        [site] = (ROOT / ".envs" / "runtime" / "lib").glob("python*/site-packages")
        runtime = tmp_path_factory.mktemp("runtime")
        for source in [*RUNTIME.iterdir(), *site.iterdir()]:
            (runtime / source.name).symlink_to(source)
        script = (
            'set -e; mount -t tmpfs none /var; mkdir /var/task /var/runtime; mount --bind "$1" /var/task; '
            'mount --bind "$2" /var/runtime; mount --bind "$3" /opt; cd /var/task; shift 3; exec "$@"'
        )
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
        command += [str(built.function(name)), str(runtime), str(built.layer), str(EMULATOR), *addresses(port)]
        environment = lambda_environment(table_and_bucket, "/var/task", _HANDLER="app.lambda_handler", **more)
        environment |= {"LAMBDA_RUNTIME_DIR": "/var/runtime", "TEST_PYTHON": str(RUNTIME_PYTHON)}
        log = tmp_path_factory.mktemp(name) / "log"
        running.append(start(command, environment, ROOT, log, port))
        return running[-1]

    yield begin
    for emulated in running:
        stop(emulated)
