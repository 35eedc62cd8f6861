"""Run ministack, the local AWS, in one process, and save its data regularly.

Started by `local.emulator` with the Python of ministack's own environment, so it imports only two small modules
of this project. It exists because it differs from the `ministack` command in four ways:

- It listens on 127.0.0.1, and with `--bridge` on Docker's bridge too. Port 0 means any free port. It prints the port
  as one JSON line.
- It saves each change within about a second, so a crash loses little. ministack itself saves only at a clean stop.
- It ends when its standard input ends, so a killed parent leaves no server running.
- It writes no files outside its folder.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import IO, Any

from local.parent import stop_with_parent
from local.ports import listen, patiently

# A change is saved after at most this many seconds. A crash may lose two seconds.
SAVE_INTERVAL_SECONDS = 1.0
# A save takes tens of milliseconds of CPU. With much data, saving takes at most this share of the
# time.
SAVE_SHARE = 0.2
# Running requests get this many seconds to finish when the process stops.
SHUTDOWN_SECONDS = 2.0
# The services whose data a restart needs. The others are saved only at a clean stop.
SAVED = {"cloudformation", "dynamodb", "iam", "s3", "secretsmanager", "ssm"}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class NotesChanges:
    """ASGI middleware that sets an event after a request that may have changed data."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.changed = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
                self.changed.set()


async def save_changes(changed: asyncio.Event, save: Callable[[], None]) -> None:
    """Call `save` within `SAVE_INTERVAL_SECONDS` after each change, forever.

    It runs on the event loop, where the emulator's tables change too: each saved state is of one moment.
    """
    loop = asyncio.get_running_loop()
    pause = SAVE_INTERVAL_SECONDS
    while True:
        await changed.wait()
        await asyncio.sleep(pause)
        changed.clear()
        began = loop.time()
        save()
        pause = max(SAVE_INTERVAL_SECONDS, (loop.time() - began) / SAVE_SHARE)


def lock_folder(folder: str) -> IO[str]:
    """Lock a folder for this process, because two emulators would overwrite each other's files.

    Raises:
        OSError: another process holds it, and goes on to.
    """
    file = open(os.path.join(folder, "lock"), "w")  # noqa: SIM115 - held for as long as the process
    try:
        patiently(lambda: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except OSError:
        file.close()
        raise
    return file


async def serve(listeners: Sequence[socket.socket], persist: bool) -> None:
    """Serve ministack on the listening sockets until SIGTERM, SIGINT or the end of standard input."""
    # ministack reads its environment when it is imported, so import it after the port is known.
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack import app as ministack
    from ministack.core.hypercorn_compat import install
    from ministack.core.persistence import save_all

    install()
    app = NotesChanges(ministack.app)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def save() -> None:
        states = ministack._build_persistence_save_dict()
        save_all({name: state for name, state in states.items() if name in SAVED})

    saver = asyncio.create_task(save_changes(app.changed, save)) if persist else None
    config = Config()
    config.bind = [f"fd://{listener.fileno()}" for listener in listeners]
    config.keep_alive_timeout = 75
    config.graceful_timeout = SHUTDOWN_SECONDS
    config.loglevel = "WARNING"
    try:
        await hypercorn_serve(app, config, shutdown_trigger=stop.wait)
    finally:
        if saver is not None:
            saver.cancel()


def main() -> None:
    """Bind, report the port to the parent, and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 takes any free port")
    parser.add_argument("--state", required=True, help="a folder for everything that is written")
    parser.add_argument("--persist", action="store_true", help="keep the state across restarts")
    parser.add_argument("--bridge", help="an address at which containers reach this machine")
    arguments = parser.parse_args()

    state = os.path.abspath(arguments.state)
    temporary = os.path.join(state, "tmp")
    os.makedirs(temporary, exist_ok=True)
    try:
        lock = lock_folder(state)
    except OSError:
        sys.exit(f"another one keeps its state in {state}")
    try:
        listener = listen("127.0.0.1", arguments.port)
    except OSError as error:
        sys.exit(f"port {arguments.port}: {error.strerror}")
    port = listener.getsockname()[1]
    listeners = [listener, *([listen(arguments.bridge, port)] if arguments.bridge else [])]

    os.environ |= {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "PERSIST_STATE": "1" if arguments.persist else "0",
        "STATE_DIR": os.path.join(state, "services"),
        "S3_PERSIST": "1" if arguments.persist else "0",
        "S3_DATA_DIR": os.path.join(state, "objects"),
        "TMPDIR": temporary,
        # Do not start the services on fixed ports that this project does not use.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # Do not clean up Docker: this project does not use it here.
        "DOCKER_HOST": "unix:///nonexistent",
    }
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    stop_with_parent()
    print(json.dumps({"port": port}), flush=True)
    with lock:
        asyncio.run(serve(listeners, arguments.persist))


if __name__ == "__main__":
    main()
