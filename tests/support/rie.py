"""Built functions under the Runtime Interface Emulator that `sam local` uses: the binary of the aws-sam-cli package.

A function is run in one of the ways in which Lambda and the emulator run one: with the managed runtime's command, with
that command through the wrapper, or with no command at all and everything where Lambda has it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from local.settings import ROOT
from tests.support.aws import Aws
from tests.support.build import MACHINE, RUNTIME_PYTHON, Built
from tests.support.stream_process import APPS, function_environment

_EMULATORS = (ROOT / ".envs" / "sam" / "lib").glob(f"python*/site-packages/samcli/local/rapid/aws-lambda-rie-{MACHINE}")
EMULATOR = next(_EMULATORS, Path("aws-lambda-rie-is-not-installed"))
RUNTIME = ROOT / "tests" / "sam_local" / "runtime"
# What the managed runtime has beside its bootstrap and boto3, which the layer brings.
RUNTIME_PACKAGES = ("awslambdaric", "simplejson", "snapshot_restore_py.py", "runtime_client.*")
HANDLER = "app.lambda_handler"
WRAPPER = "stream-runtime"
START_SECONDS = 60.0
NULS = bytes(8)

_MOUNT_AS_ANYBODY = ["unshare", "--user", "--map-root-user", "--mount"]
# In its mode of Managed Instances the emulator runs the function as another user, which takes the real root.
_MOUNT_AS_ROOT = ["unshare", "--mount"]
# Has the tests' apps: the user that the function runs as may not read where they lie.
PROJECT = "/var/project"
# Puts a function, the managed runtime and the layer where Lambda has them, for one process and its children alone.
_PLACE = f"""
set -e
mount -t tmpfs none /var
mkdir /var/task /var/runtime /var/lang {PROJECT}
mount --bind "$1" /var/task
mount --bind "$2" /var/runtime
mount --bind "$3" /var/lang
mount --bind "$4" {PROJECT}
mount --bind "$5" /opt
cd /var/task
shift 5
exec "$@"
"""


def free_port() -> int:
    """Return a port that was free a moment ago: some programs take numbers only."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Emulated:
    """A function that waits for invocations, one at a time unless it is said otherwise."""

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

    def stop(self) -> None:
        """End the emulator and the function that it started: they are one process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Emulation:
    """Starts built functions, any number of them; leaving it ends them all."""

    built: Built
    folders: pytest.TempPathFactory
    running: list[Emulated] = field(default_factory=list)

    def start(
        self, name: str, variables: dict[str, str], *, wrapped: bool = False, in_place: bool = False, at_once: int = 0
    ) -> Emulated:
        """Start a function, and wait until it can be invoked.

        Args:
            name: The function's.
            variables: Its environment, beside what Lambda gives to every function.
            wrapped: Whether its wrapper is run.
            in_place: Whether the emulator gets no command and looks for /var/runtime/bootstrap, as under `sam local`.
            at_once: Switches to the mode of Managed Instances, with so many invocations at once; only `in_place`.
        """
        port = free_port()
        emulator = [str(EMULATOR), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        emulator += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
        task = self.built.function(name)
        # Outside of its place a function finds the layer by this path, ahead of the runtime's own packages. The tests'
        # agents are not in the layer.
        path = PROJECT if in_place else os.pathsep.join((str(self.built.layer / "python"), str(ROOT)))
        named = {"AWS_LAMBDA_FUNCTION_NAME": name, "AWS_LAMBDA_FUNCTION_TIMEOUT": "60", "PYTHONPATH": path, **variables}
        environment = function_environment(**named)
        if at_once:
            environment["AWS_LAMBDA_MAX_CONCURRENCY"] = str(at_once)
        if in_place:
            command = [*self._placed(task, as_root=at_once > 0), *emulator]
            environment |= {
                "_HANDLER": HANDLER,
                "LAMBDA_TASK_ROOT": "/var/task",
                "LD_LIBRARY_PATH": "/var/lang/lib",
                "TEST_PYTHON": str("/var/lang" / RUNTIME_PYTHON.resolve().relative_to(self._base_prefix)),
            }
            if wrapped:
                environment["AWS_LAMBDA_EXEC_WRAPPER"] = f"/var/task/{WRAPPER}"
        else:
            wrapper = [str(task / WRAPPER)] if wrapped else []
            command = [*emulator, *wrapper, str(RUNTIME_PYTHON), "-m", "awslambdaric", HANDLER]
            environment["LAMBDA_TASK_ROOT"] = str(task)
        emulated = self._run(command, environment, task, port)
        self.running.append(emulated)
        return emulated

    def _run(self, command: list[str], environment: dict[str, str], folder: Path, port: int) -> Emulated:
        log = self.folders.mktemp("emulated") / "log"
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

    def _placed(self, task: Path, *, as_root: bool) -> list[str]:
        """Return the command that runs another with everything where Lambda has it; skip the test where none can."""
        namespace = _MOUNT_AS_ROOT if as_root else _MOUNT_AS_ANYBODY
        try:
            subprocess.run([*namespace, "mount", "-t", "tmpfs", "none", "/var"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip(f"this machine does not let us mount in a namespace of our own: {' '.join(namespace)}")
        places = [task, self._runtime, self._base_prefix, ROOT, self.built.layer]
        return [*namespace, "sh", "-c", _PLACE, "sh", *map(str, places)]

    @cached_property
    def _base_prefix(self) -> Path:
        code = "import sys; print(sys.base_prefix)"
        prefix = subprocess.run([RUNTIME_PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        return Path(prefix).resolve()

    @cached_property
    def _runtime(self) -> Path:
        """A folder like /var/runtime."""
        folder = self.folders.mktemp("runtime")
        folder.chmod(0o755)
        shutil.copytree(RUNTIME, folder, dirs_exist_ok=True)
        [site] = (ROOT / ".envs" / "runtime" / "lib").glob("python*/site-packages")
        for package in RUNTIME_PACKAGES:
            for source in site.glob(package):
                (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / source.name)
        return folder

    def stop(self) -> None:
        """End all that were started."""
        for emulated in self.running:
            emulated.stop()


@pytest.fixture(scope="module")
def emulation(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulation]:
    """Starts functions; they end with the module."""
    emulation = Emulation(built, tmp_path_factory)
    yield emulation
    emulation.stop()


Emulate = Callable[..., Emulated]


@pytest.fixture(scope="module")
def emulate(emulation: Emulation, table_and_bucket: Aws) -> Emulate:
    """Start a function on the local AWS, with guests and the demo model allowed: `emulate("stream", wrapped=True)`."""
    variables = table_and_bucket.environment(
        LLM_PROVIDER="demo",
        ALLOW_DEMO="true",
        POWERTOOLS_SERVICE_NAME="chatkit",
        POWERTOOLS_METRICS_NAMESPACE="ChatKit",
    )
    return lambda name, **how: emulation.start(name, variables, **how)


@pytest.fixture(scope="module")
def emulate_app(emulation: Emulation) -> Emulate:
    """Start the streaming runtime with an app of the tests, and variables: `emulate_app("app", in_place=True)`."""

    def start(app: str, *, in_place: bool = False, at_once: int = 0, **variables: str) -> Emulated:
        path = PROJECT if in_place else str(ROOT)
        named = {"LAMBDA_STREAM_APP": f"{APPS}:{app}", "PYTHONPATH": path, **variables}
        return emulation.start("stream", named, wrapped=True, in_place=in_place, at_once=at_once)

    return start
