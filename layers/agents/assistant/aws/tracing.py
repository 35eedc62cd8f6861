"""X-Ray subsegments for the calls that a turn waits for: table, bucket and model.

Each is a document of its own, sent by UDP to the daemon that Lambda runs beside a function, with the function's
segment as its parent: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html

The X-Ray SDK, which Powertools' tracer stands on, is not used for these. It keeps the open subsegments on one stack
a thread, so that of calls that run at once the first to end closes another's; and its import would stand before the
first word of a cold, sampled turn. An agent's tool may use the tracer all the same.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

# Lambda sets both; the first for each invocation, the second where tracing is on.
_TRACE = "_X_AMZN_TRACE_ID"
_DAEMON = "AWS_XRAY_DAEMON_ADDRESS"
_HEADER = b'{"format": "json", "version": 1}\n'


@contextmanager
def segment(
    name: str, namespace: Literal["aws", "remote"], refusals: tuple[type[Exception], ...] = (), **details: str
) -> Iterator[None]:
    """Trace what runs inside, if the invocation is sampled; else nothing happens.

    Args:
        name: What is called, as the service map is to show it: `DynamoDB`, `openai`.
        namespace: Whether it is a service of AWS.
        refusals: Errors that are an answer, such as a condition that does not hold; all others are faults.
        details: `operation` and `table_name` of a service of AWS; annotations, by which traces are searched, of any
            other. They may not hold anybody's text.
    """
    parent = _sampled_parent()
    if parent is None:
        yield
        return
    started = time.time()
    failure: str | None = None
    try:
        yield
    except Exception as error:
        failure = "error" if isinstance(error, refusals) else "fault"
        raise
    finally:
        document: dict[str, Any] = {
            **parent,
            "type": "subsegment",
            "id": secrets.token_hex(8),
            "name": name,
            "namespace": namespace,
            "start_time": started,
            "end_time": time.time(),
            "aws" if namespace == "aws" else "annotations": details,
        }
        if failure is not None:
            document[failure] = True
        _send(document)


def _sampled_parent() -> Mapping[str, str] | None:
    """Return the trace and the segment that this invocation belongs to; None where it is not traced."""
    header = os.environ.get(_TRACE)
    if header is None or _DAEMON not in os.environ:
        return None
    parts = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    if parts.get("Sampled") != "1" or "Root" not in parts or "Parent" not in parts:
        return None
    return {"trace_id": parts["Root"], "parent_id": parts["Parent"]}


def _send(document: Mapping[str, Any]) -> None:
    """Send a document. A trace is not worth an answer, so a daemon that is not there is passed over."""
    try:
        _socket().sendto(_HEADER + json.dumps(document).encode(), _daemon(os.environ[_DAEMON]))
    except OSError:
        return


@cache
def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made


@cache
def _daemon(address: str) -> tuple[str, int]:
    """Return the daemon's address: `host:port`, or `tcp:host:port udp:host:port`."""
    udp = next((part for part in address.split() if part.startswith("udp:")), address)
    host, _, port = udp.removeprefix("udp:").rpartition(":")
    return host, int(port)
