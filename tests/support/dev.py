"""The dev server in its own process, with free ports and its own folder."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.settings import ROOT
from local.tokens import LIFETIME_SECONDS, issue_token
from tests.support import desk

# It is ready within a few seconds; a loaded machine gets much longer before the test fails.
START_SECONDS = 120.0
STOP_SECONDS = 40.0

# Of the person who runs the tests: their keys and settings stay out of it, and so does their `.env`.
_CLEARED = (
    "LLM_",
    "OPENAI_",
    "GEMINI_",
    "AUTH_",
    "AWS_",
    "OTEL_",
    "QUOTA_",
    "TENANT_",
    "MAX_",
    "ALLOWED_ORIGINS",
    "AGENT_FACTORY",
)


def clean_environment(**more: str) -> dict[str, str]:
    """Return this process's environment without settings of the project's own, and with `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_CLEARED)}
    # An empty value wins over what `.env` sets.
    empty = dict.fromkeys(("OPENAI_API_KEY", "GEMINI_API_KEY", "LLM_BASE_URL", "ALLOWED_ORIGINS"), "")
    # The tests that share a server are one guest.
    several = {"MAX_CONCURRENT_TURNS": "50"}
    fixed = {"LLM_PROVIDER": "demo", "RELOAD": "false", "PRELOAD": "turn", "AGENT_FACTORY": desk.FACTORY}
    return {**kept, **empty, **several, **fixed, **more}


class DevServer:
    """A dev server under test.

    Args:
        state: Its STATE_DIR, which survives `restart`.
        environment: Variables added to its environment, such as `QUOTA_TURNS_PER_MINUTE="2"`.
        command: What starts it; by default what `make dev` does.
        root: The checkout that it runs from.

    Attributes:
        page_url: The playground, such as `http://127.0.0.1:40001/`.
        chat_url: ChatKit's endpoint of the function `chat`, such as `http://127.0.0.1:40001/chatkit/api`.
        stream_url: The same of `stream`, at another origin.
        upload_url: Where `upload` takes files.
        origin: The page's origin, which CORS lets in.
        aws_endpoint_url: Where the local AWS answers.
        table_name: Its table.
        bucket_name: Its bucket.
    """

    def __init__(
        self,
        state: Path,
        environment: dict[str, str] | None = None,
        command: list[str] | None = None,
        root: Path = ROOT,
    ) -> None:
        self.state = state
        self.root = root
        self.command = command or [sys.executable, "-m", "local"]
        # The tests' agents are in this checkout. Another one runs the package that it chooses.
        chosen = {} if root == ROOT else {"AGENT_FACTORY": ""}
        self.environment = clean_environment(
            **{
                "PORT": "0",
                "STREAM_PORT": "0",
                "AWS_PORT": "0",
                "STATE_DIR": str(state),
                **chosen,
                **(environment or {}),
            }
        )
        self.lines: list[str] = []
        self.start()

    def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        self._output: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            self.command,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self.process, self._output), daemon=True).start()
        said = self.await_line("(not )?ready")
        assert said == "ready", said
        self.page_url = self._shown("playground")
        self.chat_url = self._shown("chat")
        self.upload_url = self._shown("upload")
        self.stream_url = self._shown("stream")
        self.aws_endpoint_url = self._shown("local AWS")
        self.table_name = self._shown("table")
        self.bucket_name = self._shown("bucket")
        self.origin = self.page_url.rstrip("/")

    @staticmethod
    def _read(process: subprocess.Popen[str], output: queue.Queue[str | None]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            output.put(line.rstrip("\n"))
        output.put(None)

    def await_line(self, pattern: str) -> str:
        """Return the next line of its output that matches the pattern from its beginning."""
        while True:
            try:
                line = self._output.get(timeout=START_SECONDS)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line {pattern!r} in the dev server's output:\n" + "\n".join(self.lines))
            self.lines.append(line)
            if re.match(pattern, line):
                return line

    def _shown(self, name: str) -> str:
        return self.await_line(rf"  {name} ").split()[-1]

    def token(
        self,
        user: str = "ann",
        tenant: str = "acme",
        role: str = "user",
        lifetime: int = LIFETIME_SECONDS,
        name: str | None = None,
    ) -> str:
        """Return a bearer token that this server accepts."""
        return issue_token(self.state, user=user, tenant=tenant, role=role, lifetime=lifetime, name=name)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def kill9(self) -> None:
        """Kill it, as a crash would. `start` may follow."""
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start it, with the same state and on other ports."""
        self.stop()
        self.start()


@pytest.fixture(scope="session")
def dev_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A dev server that the tests of this process share. A test that stops or reconfigures one makes its own."""
    server = DevServer(tmp_path_factory.mktemp("dev"))
    yield server
    if server.process.poll() is None:
        server.stop()
