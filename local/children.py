"""The dev server's child processes: started together, restarted on a change, stopped in good order."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping

from local.functions import SHUTDOWN_SECONDS
from local.settings import ROOT

# A child that does not end by itself, a few seconds after its last response should have, is killed.
STOP_SECONDS = SHUTDOWN_SECONDS + 5.0


class Child:
    """One process of `local.functions`.

    Args:
        name: Which: `chat`, `stream` or `sweep`.
        listener: The socket it serves. The parent keeps it open, so that requests wait while a child restarts
            and the port is never given away.
    """

    def __init__(self, name: str, listener: socket.socket | None = None) -> None:
        self.name = name
        self._listener = listener
        self._process: Process | None = None

    async def start(self, environment: Mapping[str, str]) -> None:
        """Start it."""
        command = [sys.executable, "-m", "local.functions", self.name]
        descriptors: list[int] = []
        if self._listener is not None:
            descriptors = [self._listener.fileno()]
            command += ["--socket", str(descriptors[0])]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env=environment,
            stdin=PIPE,
            pass_fds=descriptors,
            # Ctrl-C reaches the parent alone, which stops its children in order.
            start_new_session=True,
        )

    async def wait(self) -> int:
        """Return its exit code once it has ended."""
        assert self._process is not None  # noqa: S101 - it was started
        return await self._process.wait()

    async def stop(self) -> None:
        """End it, with time for the responses that are being sent."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
