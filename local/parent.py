"""End a child process when its parent ends.

This module uses only the standard library, because ministack's environment imports it.
"""

from __future__ import annotations

import os
import signal
import threading

STANDARD_INPUT = 0


def stop_with_parent() -> None:
    """Send this process SIGTERM when its standard input ends.

    The parent keeps the other end of that pipe open while it runs. So a killed parent leaves no child running, on any
    Unix.
    """

    def wait() -> None:
        # Not through sys.stdin: this thread would hold its lock while the interpreter ends.
        while os.read(STANDARD_INPUT, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
