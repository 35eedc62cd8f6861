"""A collector on 127.0.0.1 that takes OTLP over HTTP, and behaves as badly as a test asks.

It reads the body with the classes of opentelemetry-proto, compressed or not, and answers as the protocol says:
https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

Mode = Literal["good", "slow", "unavailable", "denied", "hanging", "closing"]

# What a slow collector takes for an answer: less than the exporter's patience, and more than a function's.
SLOW_SECONDS = 3.0
# How long `wait_for` waits: a loaded machine takes its time.
WAIT_SECONDS = 60.0
_STATUS_ERROR = 2
_KINDS = {1: "internal", 2: "server", 3: "client"}


@dataclass(frozen=True)
class Received:
    """A span as it came in.

    Attributes:
        name: Its name.
        kind: `internal`, `server` or `client`.
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: The same, or empty.
        attributes: As plain values.
        failed: Whether its status is an error.
        message: The status's message.
        events: The number of its events.
        resource: The attributes of its service.
        start: Nanoseconds since 1970.
        end: Nanoseconds since 1970.
    """

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: Mapping[str, Any]
    failed: bool
    message: str
    events: int
    resource: Mapping[str, Any]
    start: int
    end: int


@dataclass(frozen=True)
class Export:
    """A request as it came in.

    Attributes:
        path: Such as `/v1/traces`.
        headers: Names in lower case.
        body: The uncompressed body.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes


class Collector:
    """A collector. Use it as a context manager; `url` is `OTEL_EXPORTER_OTLP_ENDPOINT`.

    Args:
        mode: How it behaves.
    """

    def __init__(self, mode: Mode = "good") -> None:
        self.mode: Mode = mode
        self.exports: list[Export] = []
        # Set when a request has come that is not answered before the end.
        self.hanging = threading.Event()
        self._end = threading.Event()
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Collector:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def spans(self) -> list[Received]:
        """All spans, in the order of their start."""
        found = [span for export in self.exports for span in _spans(export.body)]
        return sorted(found, key=lambda span: span.start)

    def named(self, prefix: str) -> list[Received]:
        """Return the spans whose names begin so."""
        return [span for span in self.spans if span.name.startswith(prefix)]

    def wait_for(self, prefix: str, count: int = 1) -> list[Received]:
        """Wait until so many spans with a name are here."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.named(prefix)) >= count, WAIT_SECONDS), self.spans
        return self.named(prefix)

    def _take(self, export: Export) -> None:
        with self._changed:
            self.exports.append(export)
            self._changed.notify_all()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                match collector.mode:
                    case "hanging":
                        collector.hanging.set()
                        collector._end.wait()
                        return
                    case "closing":
                        self.close_connection = True
                        return
                    case "unavailable":
                        self._answer(503, b"")
                        return
                    case "denied":
                        self._answer(401, b"")
                        return
                    case "slow":
                        time.sleep(SLOW_SECONDS)
                collector._take(Export(self.path, headers, _decompressed(body, headers.get("content-encoding"))))
                self._answer(200, ExportTraceServiceResponse().SerializeToString())

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Write no log."""

        return Handler


def _decompressed(body: bytes, encoding: str | None) -> bytes:
    match encoding:
        case "gzip":
            return gzip.decompress(body)
        case "deflate":
            return zlib.decompress(body)
        case _:
            return body


def _spans(body: bytes) -> list[Received]:
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    return [
        Received(
            name=span.name,
            kind=_KINDS[span.kind],
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            attributes=_plain(span.attributes),
            failed=span.status.code == _STATUS_ERROR,
            message=span.status.message,
            events=len(span.events),
            resource=_plain(of_service.resource.attributes),
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
        )
        for of_service in request.resource_spans
        for of_scope in of_service.scope_spans
        for span in of_scope.spans
    ]


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return None if kind is None else getattr(value, kind)
