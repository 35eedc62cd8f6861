"""The calls that the functions make to the table, the bucket and the model, and their failures, for the panel.

On AWS a function sends each call as a document to the X-Ray daemon beside it (`assistant.aws.tracing`). Here the dev
server takes the daemon's place. A process has one trace, so a turn's calls are those of its process in the turn's time.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from typing import Any

# The newest calls that are kept: a turn makes a dozen, a long one some hundred.
MAX_SPANS = 5_000
# The newest failures that are kept.
MAX_FAILURES = 100
# A datagram's largest size.
MAX_BYTES = 65_507
# Where X-Ray's daemon listens.
DAEMON = "AWS_XRAY_DAEMON_ADDRESS"
# The first line of a datagram with a failure (`local.log`). All others are X-Ray's.
FAILURE = b"failure"
# X-Ray's id of the process that runs a turn: 16 hexadecimal digits.
_PARENTS = {"chat": "c4a7000000000000", "stream": "57a4000000000000"}


def open_socket() -> socket.socket:
    """Return a socket of this machine that takes the documents."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


def trace_environment(process: str, receiver: socket.socket) -> dict[str, str]:
    """Return the environment with which a process sends its calls to the receiver."""
    if process not in _PARENTS:
        return {}
    return {
        DAEMON: f"127.0.0.1:{receiver.getsockname()[1]}",
        "_X_AMZN_TRACE_ID": f"Root=1-00000000-000000000000000000000000;Parent={_PARENTS[process]};Sampled=1",
    }


class Spans:
    """The newest calls and failures of the functions.

    Args:
        receiver: The socket that takes the documents. A thread reads it until the process ends.
    """

    def __init__(self, receiver: socket.socket) -> None:
        self._documents: deque[dict[str, Any]] = deque(maxlen=MAX_SPANS)
        self._failures: deque[dict[str, Any]] = deque(maxlen=MAX_FAILURES)
        threading.Thread(target=self._read, args=(receiver,), name="spans", daemon=True).start()

    def __len__(self) -> int:
        return len(self._documents)

    def _read(self, receiver: socket.socket) -> None:
        while True:
            title, _, document = receiver.recv(MAX_BYTES).partition(b"\n")
            kept = self._failures if title == FAILURE else self._documents
            kept.append(json.loads(document))

    def failures(self) -> list[dict[str, Any]]:
        """Return the newest failures, the newest first: the process, when, what, the error, its place and details."""
        return list(self._failures)[::-1]

    def of(self, process: str, start: float, end: float) -> list[dict[str, Any]]:
        """Return the calls that a process began in a time, in their order: when, how long, where and what."""
        parent = _PARENTS.get(process)
        found = [each for each in self._documents if each["parent_id"] == parent and start <= each["start_time"] <= end]
        return [_shown(each, start) for each in sorted(found, key=lambda each: float(each["start_time"]))]


def _shown(document: dict[str, Any], start: float) -> dict[str, Any]:
    details = document.get("aws") or document.get("annotations") or {}
    return {
        "at_ms": round((document["start_time"] - start) * 1000),
        "ms": round((document["end_time"] - document["start_time"]) * 1000),
        "service": document["name"],
        "what": details.get("operation") or details.get("model") or "",
        "failed": bool(document.get("fault") or document.get("error")),
    }
