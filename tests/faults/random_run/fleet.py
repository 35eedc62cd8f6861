"""The server processes of a random run: started, killed, stopped and told to go on."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from local.functions import SHUTDOWN_SECONDS
from local.ports import listen
from tests.faults.random_run import server as server_process
from tests.faults.random_run.network import Link
from tests.support.forked import fork_context

# A process that is asked to end finishes its responses first.
STOP_SECONDS = SHUTDOWN_SECONDS + 10.0
SWEEP_SECONDS = 90.0


class Server:
    """One process that serves a function. Its socket stays open while it is down, so that requests wait for it.

    Args:
        name: What the log calls it.
        function: `stream` or `chat`.
        link: Its way to the local AWS.
        environment: Of the process.
        folder: For its log.
        quick: Whether its turns' intervals are shorter.
    """

    def __init__(
        self, name: str, function: str, link: Link, environment: dict[str, str], folder: Path, quick: bool
    ) -> None:
        self.name = name
        self.function = function
        self.link = link
        self.stopped = False
        self._listener: socket.socket = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._environment = environment | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{link.port}"}
        self._log = folder / f"{name}.log"
        self._quick = quick
        self._process: ForkServerProcess | None = None
        self._alive: Connection | None = None

    @property
    def up(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.is_alive()

    def start(self) -> None:
        """Start it, unless another harm has started it meanwhile."""
        if self.up:
            return
        context = fork_context()
        ended, self._alive = context.Pipe(duplex=False)
        given = (self.function, self._listener, self._environment, self._log, ended, self._quick)
        self._process = context.Process(target=server_process.serve, args=given)
        self._process.start()
        ended.close()
        self.stopped = False

    def kill(self) -> None:
        """Kill it, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._forget()

    def stop(self) -> None:
        """Let it stand still."""
        self._signal(signal.SIGSTOP)
        self.stopped = True

    def go_on(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)
        self.stopped = False

    async def end(self) -> None:
        """Ask it to end, as Lambda does."""
        process = self._process
        if process is None:
            return
        self.go_on()
        process.terminate()
        await asyncio.to_thread(process.join, STOP_SECONDS)
        self.kill()

    def close(self) -> None:
        """Kill it and close its socket."""
        self.kill()
        self._listener.close()

    def last_words(self) -> str:
        """Return the end of its log."""
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        if self.up and self._process is not None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def _forget(self) -> None:
        self._process = None
        if self._alive is not None:
            self._alive.close()


def process_environment(more: dict[str, str]) -> dict[str, str]:
    """Return the environment of a process, without anything of the person's who runs the tests."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC", **more}


async def sweep(environment: dict[str, str], folder: Path) -> None:
    """Run the sweep once, in a process of its own."""
    context = fork_context()
    ended, alive = context.Pipe(duplex=False)
    log = folder / "sweep.log"
    process = context.Process(target=server_process.sweep, args=(environment, log, ended))
    process.start()
    ended.close()
    await asyncio.to_thread(process.join, SWEEP_SECONDS)
    alive.close()
    code = process.exitcode
    process.kill()
    assert code == 0, f"the sweep ended with {code}: {log.read_text(errors='replace')[-2000:]}"
