"""Wait for a port or a lock that the previous run may still hold for a moment.

This module uses only the standard library, because ministack's environment imports it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

BACKLOG = 128
# The children of a killed server end by themselves after their last responses.
PATIENCE_SECONDS = 8.0
POLL_SECONDS = 0.2


def patiently(take: Callable[[], None]) -> None:
    """Call `take` until it succeeds, for at most `PATIENCE_SECONDS`.

    Raises:
        OSError: the error of the last try.
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
    """Return a socket that listens on the port. 0: any free port.

    Raises:
        OSError: the port is in use or not allowed.
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
