"""A function under uvicorn in a process of its own: real HTTP, and a process that a test can kill.

The process is forked from one that has loaded the SDKs. So a test with five servers does not load them five times.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from types import TracebackType
from typing import Any

import httpx2

from local.ports import listen
from local.settings import ROOT
from tests.support import app_process
from tests.support.aws import Aws
from tests.support.forked import fork_context

# Forking and loading the function on a busy machine.
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
        self._environment = {"PATH": os.environ["PATH"], "LLM_PROVIDER": "demo", **aws.environment(**environment)}
        self.url = ""
        self._process: ForkServerProcess | None = None

    def __enter__(self) -> AppServer:
        context = fork_context()
        ready, tells = context.Pipe(duplex=False)
        ended, self._alive = context.Pipe(duplex=False)
        with listen("127.0.0.1", 0) as listener:
            given = (self._app, self._folder, self._environment, listener, tells, ended)
            self._process = context.Process(target=app_process.serve, args=given)
            self._process.start()
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        tells.close()
        ended.close()
        assert ready.poll(START_SECONDS), "the server did not start in time"
        failure = ready.recv()
        assert not failure, failure
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.kill9()

    def kill9(self) -> None:
        """Kill the process, as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.join(START_SECONDS)
        self._alive.close()

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
