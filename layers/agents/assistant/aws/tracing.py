"""X-Ray subsegments for the calls that a turn waits for: table, bucket and model. The first two also get a span of
OpenTelemetry (`assistant.otel`).

Each subsegment is a document that goes by UDP to the X-Ray daemon beside the function. Its parent is the function's
segment: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html

The X-Ray SDK, on which Powertools' tracer is built, is not used here. It keeps one stack of open subsegments per
thread, so concurrent calls close each other's subsegments. Its import would also delay the first word of a cold turn.
An agent's tool may still use the tracer.
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

from assistant.otel import aws_call

# Lambda sets both: the first for each invocation, the second if tracing is on.
_TRACE = "_X_AMZN_TRACE_ID"
_DAEMON = "AWS_XRAY_DAEMON_ADDRESS"
_HEADER = b'{"format": "json", "version": 1}\n'


@contextmanager
def segment(
    name: str, namespace: Literal["aws", "remote"], refusals: tuple[type[Exception], ...] = (), **details: str
) -> Iterator[None]:
    """Trace the enclosed call if the invocation is sampled; otherwise do nothing.

    Args:
        name: The called service, as the service map shows it: `DynamoDB`, `openai`.
        namespace: `aws` for a service of AWS, `remote` for any other.
        refusals: Errors that are a valid answer, such as a failed condition. All other errors are faults.
        details: `operation` and `table_name` for a service of AWS. For other services, annotations, by which traces
            can be searched. They must not contain text of users.
    """
    parent = _sampled_parent()
    if namespace == "aws":
        with aws_call(name, refusals, **details), _subsegment(parent, name, namespace, refusals, details):
            yield
        return
    with _subsegment(parent, name, namespace, refusals, details):
        yield


@contextmanager
def _subsegment(
    parent: Mapping[str, str] | None,
    name: str,
    namespace: Literal["aws", "remote"],
    refusals: tuple[type[Exception], ...],
    details: Mapping[str, str],
) -> Iterator[None]:
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
    """Return the trace and the parent segment of this invocation, or None if it is not traced."""
    header = os.environ.get(_TRACE)
    if header is None or _DAEMON not in os.environ:
        return None
    parts = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    if parts.get("Sampled") != "1" or "Root" not in parts or "Parent" not in parts:
        return None
    return {"trace_id": parts["Root"], "parent_id": parts["Parent"]}


def _send(document: Mapping[str, Any]) -> None:
    """Send a document. Ignore a missing daemon: an answer must not fail because of its trace."""
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
