"""An adapter-shaped hop: a process that takes invocations from the Runtime API and forwards them to a web server.

Its Runtime API side is the streaming runtime's own, so that the two differ in the hop alone: this app sends each
request to the web server at BACKEND_PORT and passes the answer on, chunk by chunk.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, cast

import httptools

BACKEND_PORT = int(os.environ["BACKEND_PORT"])


class Backend(asyncio.Protocol):
    """The connection to the web server; what it answers waits in a queue."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self.messages.put_nowait({"type": "http.response.start", "status": status, "headers": self._headers})
        self._headers = []

    def on_body(self, body: bytes) -> None:
        self.messages.put_nowait({"type": "http.response.body", "body": body, "more_body": True})

    def on_message_complete(self) -> None:
        self.messages.put_nowait({"type": "http.response.body", "body": b"", "more_body": False})
        self._parser = httptools.HttpResponseParser(self)


_backend: Backend | None = None


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Forward one request."""
    global _backend
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    if _backend is None:
        _, _backend = await asyncio.get_running_loop().create_connection(Backend, "127.0.0.1", BACKEND_PORT)
    body = (await receive())["body"]
    head = b"".join(b"%b: %b\r\n" % header for header in scope["headers"])
    _backend.write(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (scope["method"].encode(), scope["raw_path"], head, body))
    more = True
    while more:
        message = await _backend.messages.get()
        await send(message)
        more = message.get("more_body", True)
