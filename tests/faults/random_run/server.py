"""What a process of a random run does: serve a function as the dev server does, or run the sweep once."""

from __future__ import annotations

import logging
import os
import socket
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

from local import functions
from local.parent import STANDARD_INPUT, stop_with_parent
from tests.faults.random_run import agent  # noqa: F401 - loaded before the fork
from tests.faults.timing import quicken

# What a function loads by and by; loaded before the fork.
for _name in (
    "assistant.agent.server",
    "assistant.api",
    "assistant.upkeep.sweep",
    "assistant.operations",
    "boto3",
    "mangum",
    "uvicorn",
):
    import_module(_name)


def prepare(environment: dict[str, str], log: Path, alive: Connection, quick: bool) -> None:
    """Make a forked process one of its own.

    Args:
        environment: All of it.
        log: The file that it writes to.
        alive: Ends with the parent, and this process with it.
        quick: Whether the turns' intervals are shorter.
    """
    os.environ.clear()
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.dup2(alive.fileno(), STANDARD_INPUT)
    alive.close()
    os.setsid()
    logging.basicConfig(level=logging.WARNING, force=True)
    stop_with_parent()
    if quick:
        quicken()


def serve(
    function: str, listener: socket.socket, environment: dict[str, str], log: Path, alive: Connection, quick: bool
) -> None:
    """Serve a function on a socket, until SIGTERM."""
    prepare(environment, log, alive, quick)
    functions.run(function, listener.detach(), None)


def sweep(environment: dict[str, str], log: Path, alive: Connection) -> None:
    """Run the sweep once."""
    prepare(environment, log, alive, False)
    functions.load_function("sweep").lambda_handler({"source": "local"}, functions.ScheduledContext())
