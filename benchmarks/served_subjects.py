"""The served processes: ours on uvicorn, ours on the streaming runtime, and a stock server on uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from benchmarks.served_clients import Poll, Runtime, Uvicorn
from benchmarks.served_world import listen
from local.settings import ROOT

SERVED = ROOT / "functions" / "stream"
START_SECONDS = 60


@contextlib.contextmanager
def _started(
    command: list[str], folder: Path, core: int, variables: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.asynccontextmanager
async def _uvicorn(app: str, folder: Path, core: int, variables: dict[str, str]) -> AsyncIterator[Uvicorn]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "error"]
    with _started(command, folder, core, variables) as process:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                assert process.poll() is None
                assert time.monotonic() < end
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
        yield Uvicorn(process, port)


@contextlib.contextmanager
def _without_uvloop() -> Iterator[str]:
    """Return a folder that hides uvloop, which the layer does not have."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "uvloop.py").write_text("raise ImportError\n")
        yield folder


@contextlib.asynccontextmanager
async def _runtime(at_once: int, core: int, variables: dict[str, str]) -> AsyncIterator[Runtime]:
    idle: asyncio.Queue[Poll] = asyncio.Queue()
    port = await listen(lambda: Poll(idle))
    with _without_uvloop() as hidden:
        more = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_MAX_CONCURRENCY": str(at_once),
            "LAMBDA_TASK_ROOT": str(SERVED),
            "PYTHONPATH": f"{hidden}:{variables['PYTHONPATH']}",
        }
        command = [str(SERVED / "stream-runtime"), sys.executable, "/var/runtime/bootstrap.py"]
        with _started(command, SERVED, core, variables | more) as process:
            async with asyncio.timeout(START_SECONDS):
                for poll in [await idle.get() for _ in range(at_once)]:
                    idle.put_nowait(poll)
            yield Runtime(process, idle)


SUBJECTS: dict[str, Any] = {
    "uvicorn": lambda at_once, core, variables: _uvicorn("app:app", SERVED, core, variables),
    "runtime": _runtime,
    "stock on uvicorn": lambda at_once, core, variables: _uvicorn("benchmarks.cold_stock:app", ROOT, core, variables),
}
