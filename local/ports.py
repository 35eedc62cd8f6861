"""Taking a port or a lock that the last run may still be letting go of. Standard library only."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

BACKLOG = 128
# A server that was killed leaves children that end by themselves, once their last responses are sent.
PATIENCE_SECONDS = 8.0
POLL_SECONDS = 0.2


def patiently(take: Callable[[], None]) -> None:
    """Call `take` until it succeeds, for `PATIENCE_SECONDS` at most.

    Raises:
        OSError: what the last try raised.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            take()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the port; 0 takes any that is free.

    Raises:
        OSError: the port is taken, or not to be had.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        patiently(lambda: listener.bind((host, port)))
    except OSError:
        listener.close()
        raise
    listener.listen(BACKLOG)
    return listener
