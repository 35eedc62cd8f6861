"""A function under uvicorn in a process of its own: real HTTP, and a process that a test can kill."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import httpx2

from local.settings import ROOT
from tests.support.aws import Aws

# Loading the SDKs on a busy machine.
START_SECONDS = 120.0
ANSWER_SECONDS = 120.0


class PatientClient(httpx2.AsyncClient):
    """A client that repeats a request whose table did not answer in time, as clients do: a starved machine is slow."""

    async def request(self, *args: Any, **kwargs: Any) -> httpx2.Response:
        """Send a request, and return its answer."""
        while True:
            answer = await super().request(*args, **kwargs)
            if answer.status_code != 503 or answer.json()["error"]["code"] != "store_unavailable":
                return answer
            await asyncio.sleep(float(answer.headers["retry-after"]))


class AppServer:
    """One process. Use it as a context manager; leaving it kills the process.

    Args:
        aws: Its table and bucket.
        environment: Its further settings.
        app: The app, as uvicorn names it.
        function: The function.

    Attributes:
        url: Its address, such as `http://127.0.0.1:40001`.
    """

    def __init__(
        self, aws: Aws, environment: Mapping[str, str], app: str = "app:app", function: str = "stream"
    ) -> None:
        self._app = app
        self._folder = ROOT / "functions" / function
        layer = ROOT / "layers" / "agents"
        path = os.pathsep.join(map(str, (layer, self._folder, ROOT)))
        self._env = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "LLM_PROVIDER": "demo"}
        self._env |= aws.environment(**environment)
        self.url = ""
        self.process: subprocess.Popen[str]

    def __enter__(self) -> AppServer:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", self._app, "--host", "127.0.0.1", "--port", "0"],
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        said = []
        for line in self.process.stderr:
            said.append(line)
            if "running on " in line:
                self.url = line.partition("running on ")[2].split()[0]
                break
        assert self.url, "".join(said)
        # Nobody reads the rest. Without this thread the process would stop at a full pipe.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.kill9()

    def kill9(self) -> None:
        """Kill the process, as a crash would."""
        self.process.kill()
        self.process.wait(START_SECONDS)

    def client(self, token: str, **headers: str) -> httpx2.AsyncClient:
        """Return a client with that bearer token."""
        return PatientClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}", **headers},
            timeout=ANSWER_SECONDS,
            limits=httpx2.Limits(max_connections=None),
        )


def new_thread(text: str) -> dict[str, Any]:
    """Return the body of a message that begins a thread."""
    return {"input": {"content": text}}
