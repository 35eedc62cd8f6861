"""The local AWS as a child process: ministack, in its own environment because it pins another botocore."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".envs" / "ministack" / "bin" / "python"
REGION = "us-east-1"
# The credentials of ministack's account. They are valid nowhere else.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# It usually starts within a second. A busy machine may need much longer.
START_SECONDS = 60.0
# It saves everything before it ends.
STOP_SECONDS = 20.0


class EmulatorError(RuntimeError):
    """ministack is not installed or did not start."""


class Emulator:
    """One ministack on 127.0.0.1. Also a context manager that stops it.

    Args:
        state: A folder for everything it writes.
        port: The port to listen on; 0 takes any that is free.
        persist: Whether what it holds survives a restart with the same `state`.
        bridge: An address of this machine, beside 127.0.0.1, at which containers reach it.

    Raises:
        EmulatorError: it is not installed, the port is taken, or it did not answer in time.
    """

    def __init__(self, state: Path, *, port: int = 0, persist: bool = False, bridge: str | None = None) -> None:
        if not PYTHON.exists():
            raise EmulatorError(f"ministack is not installed in {PYTHON}: run `make environments`.")
        state.mkdir(parents=True, exist_ok=True)
        self.log = state / "emulator.log"
        command = [str(PYTHON), "-m", "local.emulator_process", "--port", str(port), "--state", str(state)]
        if persist:
            command.append("--persist")
        if bridge:
            command += ["--bridge", bridge]
        # Drop the user's AWS settings, so that no real credentials get into the emulator's log.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.port = self._read_port()
            self.endpoint_url = f"http://127.0.0.1:{self.port}"
            self._await_health()
        except BaseException:
            self.stop()
            raise

    def _read_port(self) -> int:
        output: IO[bytes] | None = self.process.stdout
        line = output.readline() if output else b""
        if not line:
            raise EmulatorError(f"ministack did not start: {self._last_words()}")
        return int(json.loads(line)["port"])

    def _await_health(self) -> None:
        # The socket listens before the server accepts, so one request with a long timeout is enough to wait.
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/_ministack/health", timeout=START_SECONDS):
                pass
        except (urllib.error.URLError, OSError) as error:
            raise EmulatorError(f"ministack does not answer: {error}; {self._last_words()}") from error

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make an AWS SDK use this emulator."""
        return {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def stop(self) -> None:
        """Stop it. If it persists, it saves first."""
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def __enter__(self) -> Emulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
