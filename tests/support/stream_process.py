"""The streaming runtime in its own process, started by the wrapper, with a recording Runtime API."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.runtime_api import TIMEOUT, Recorded, RecordingRuntimeApi, Submitted

ROOT = Path(__file__).parents[2]
TASK_ROOT = ROOT / "functions" / "stream"
APPS = "tests.integration.stream.apps"
BOOTSTRAP = "/var/runtime/bootstrap.py"
"""What the managed runtime would have run: the wrapper is handed it and leaves it alone."""


def function_environment(**more: str) -> dict[str, str]:
    """Return the environment that Lambda gives a function's process, without the Runtime API's address."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_FUNCTION_NAME": "stream",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/stream",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123",
        "AWS_REGION": "eu-central-1",
        "LAMBDA_TASK_ROOT": str(TASK_ROOT),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        **more,
    }


class StreamProcess:
    """One process. Use it as a context manager; leaving it ends the process.

    Args:
        app: the ASGI app, as `module:attribute`, or the name of one in tests/integration/stream/apps.py.
        api: the API to run against; a new one if there is none.
        wrapper: the wrapper script.
        interpreter: the Python that Lambda would name.
        workers: invocations that it is to ask for at once.
        ready: wait until it asks for them.
        env: more of the environment.
    """

    def __init__(
        self,
        app: str,
        *,
        wrapper: Path = TASK_ROOT / "stream-runtime",
        interpreter: str = sys.executable,
        workers: int = 1,
        ready: bool = True,
        **env: str,
    ) -> None:
        self.api = RecordingRuntimeApi()
        self._command = [str(wrapper), interpreter, BOOTSTRAP]
        self._env = {"PYTHONPATH": str(ROOT), "LAMBDA_STREAM_APP": app if ":" in app else f"{APPS}:{app}", **env}
        self._workers = workers
        self._ready = ready
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> StreamProcess:
        self.api.__enter__()
        self.process = subprocess.Popen(
            self._command,
            env=function_environment(**{"AWS_LAMBDA_RUNTIME_API": self.api.address, **self._env}),
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        if self._ready:
            self.api.wait_until_polled(self._workers)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.process.kill()
        self.process.wait(TIMEOUT)
        self.api.__exit__()
        if exc_info[0] is not None:
            # What pytest shows beside the failure.
            sys.stderr.write(self.log())
        self._log.close()

    def invoke(self, event: object, *args: Any, **options: Any) -> Recorded:
        """Invoke and wait for the response."""
        return self.api.invoke(event, *args, **options)

    def submit(self, event: object, *args: Any, **options: Any) -> Submitted:
        """Invoke without waiting."""
        return self.api.submit(event, *args, **options)

    def terminate(self) -> int:
        """Send SIGTERM, as Lambda does, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT)

    def exit_code(self) -> int:
        """Wait until the process ends by itself."""
        return self.process.wait(TIMEOUT)

    def log(self) -> str:
        """Return what the process has written to its log so far."""
        return os.pread(self._log.fileno(), 10_000_000, 0).decode("utf-8", "replace")

    def wait_for_log(self, found: Callable[[str], object]) -> str:
        """Wait until the log satisfies a condition, and return it."""
        end = time.monotonic() + TIMEOUT
        while not found(log := self.log()):
            if time.monotonic() > end:
                raise TimeoutError(f"the log never said so:\n{log}")
            time.sleep(0.01)
        return log
