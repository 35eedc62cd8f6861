"""Start, restart and stop the dev server's child processes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping

from local.functions import SHUTDOWN_SECONDS
from local.settings import ROOT

# A child that has not ended after this time is killed. It is a few seconds longer than its last response may take.
STOP_SECONDS = SHUTDOWN_SECONDS + 5.0


class Child:
    """One process of `local.functions`.

    Args:
        name: Which: `chat`, `stream`, `ingest` or `sweep`.
        listener: The socket it serves. The parent keeps it open, so that requests wait while a child restarts
            and the port is never given away.
        spans: The socket that takes the functions' calls, for the child that shows them.
    """

    def __init__(self, name: str, listener: socket.socket | None = None, spans: socket.socket | None = None) -> None:
        self.name = name
        self._sockets = {
            option: given.fileno() for option, given in (("--socket", listener), ("--spans", spans)) if given
        }
        self._process: Process | None = None

    async def start(self, environment: Mapping[str, str]) -> None:
        """Start the process."""
        command = [sys.executable, "-m", "local.functions", self.name]
        for option, descriptor in self._sockets.items():
            command += [option, str(descriptor)]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env=environment,
            stdin=PIPE,
            pass_fds=list(self._sockets.values()),
            # Only the parent gets Ctrl-C. It stops its children in order.
            start_new_session=True,
        )

    async def wait(self) -> int:
        """Wait for the end of the process and return its exit code."""
        assert self._process is not None  # noqa: S101 - it was started
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop the process. Running responses get time to finish."""
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
