"""The log of the dev server's functions: one line for each record, with its fields, and the failures for the panel."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict

from assistant.failures import Failure, show_messages
from local.spans import DAEMON, FAILURE, MAX_BYTES

# The attributes of every record. All others are fields of the line.
_OWN = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """Formats a record as level, logger, message and fields."""

    def __init__(self) -> None:
        super().__init__(logging.BASIC_FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = {name: value for name, value in vars(record).items() if name not in _OWN}
        return " ".join([super().formatMessage(record), *(f"{name}={_shown(value)}" for name, value in fields.items())])


def _shown(value: object) -> str:
    match value:
        case Mapping():
            return " ".join(f"{name}={_shown(each)}" for name, each in value.items())
        case str() if " " in value or not value:
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def log_for_developers(process: str, environment: Mapping[str, str]) -> None:
    """Log warnings and errors to standard error, with the messages of exceptions, and send failures to the panel.

    Args:
        process: `chat`, `stream` or `sweep`.
        environment: This process's environment.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # The sweep has no socket to send to, see `local.spans`.
    address = "" if process == "sweep" else environment.get(DAEMON, "")
    show_messages(FailureSender(process, address) if address else lambda failure: None)


class FailureSender:
    """Sends failures to the process that serves the panel.

    Args:
        process: The process that has failed.
        address: The socket of `local.spans`.
    """

    def __init__(self, process: str, address: str) -> None:
        self._process = process
        host, _, port = address.partition(":")
        self._address = host, int(port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __call__(self, failure: Failure) -> None:
        """Send one, without its trace and details if it is too long for a datagram."""
        document = {"process": self._process, "at": time.time(), **asdict(failure)}
        body = json.dumps(document, default=str).encode()
        if len(body) + len(FAILURE) >= MAX_BYTES:
            body = json.dumps({**document, "trace": "", "details": {}}, default=str).encode()
        with contextlib.suppress(OSError):
            self._socket.sendto(FAILURE + b"\n" + body, self._address)
