"""What the process of an `AppServer` does: serve a function's app with uvicorn."""

from __future__ import annotations

import os
import socket
import sys
import traceback
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

import uvicorn

from local.parent import STANDARD_INPUT, stop_with_parent

# What a function loads by and by; loaded before the fork.
for _name in ("assistant.agent.server", "assistant.api", "assistant.operations", "boto3", "mangum"):
    import_module(_name)


def serve(
    app: str, folder: Path, environment: dict[str, str], listener: socket.socket, ready: Connection, alive: Connection
) -> None:
    """Serve an app until this process is killed.

    Args:
        app: The app, as uvicorn names it.
        folder: The function's folder, where its module `app` lies.
        environment: All of the process's environment.
        listener: Where it listens.
        ready: Gets an empty text when the app is loaded, or why it is not.
        alive: Ends with the parent, and this process with it.
    """
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.dup2(alive.fileno(), STANDARD_INPUT)
    alive.close()
    stop_with_parent()
    try:
        config = uvicorn.Config(app)
        config.load()
    except BaseException:
        ready.send(traceback.format_exc())
        raise
    ready.send("")
    uvicorn.Server(config).run(sockets=[listener])
