"""A small streaming reverse proxy on uvloop and httptools: the hop that an adapter puts in front of a web server.

    python -m benchmarks.streaming_proxy PORT BACKEND_PORT

It keeps connections open on both sides, parses both, and frames each chunk anew, as any adapter has to. An adapter in
a compiled language does so for less; what remains is what the hop costs in the kernel and in the web server.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import httptools
import uvloop


class Upstream(asyncio.Protocol):
    """The connection to the web server: answers on their way back."""

    def __init__(self, downstream: Downstream) -> None:
        self._downstream = downstream
        self._parser = httptools.HttpResponseParser(self)
        self._head: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() != b"transfer-encoding":
            self._head += (name, b": ", value, b"\r\n")

    def on_headers_complete(self) -> None:
        status = b"HTTP/1.1 %d \r\n" % self._parser.get_status_code()
        self._downstream.write(b"".join((status, *self._head, b"transfer-encoding: chunked\r\n\r\n")))
        self._head = []

    def on_body(self, body: bytes) -> None:
        self._downstream.write(b"".join((b"%x\r\n" % len(body), body, b"\r\n")))

    def on_message_complete(self) -> None:
        self._downstream.write(b"0\r\n\r\n")
        self._parser = httptools.HttpResponseParser(self)


class Downstream(asyncio.Protocol):
    """A client's connection: requests on their way to the web server."""

    def __init__(self, backend_port: int) -> None:
        self._backend_port = backend_port
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._head: list[bytes] = []
        self._body: list[bytes] = []
        self._upstream: Upstream | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self.write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += (name, b": ", value, b"\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        request = b"".join(
            (self._parser.get_method(), b" ", self._url, b" HTTP/1.1\r\n", *self._head, b"\r\n", *self._body)
        )
        self._url, self._head, self._body = b"", [], []
        if self._upstream is not None:
            self._upstream.transport.write(request)
            return
        task = asyncio.get_running_loop().create_task(self._connect(request))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _connect(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        _, self._upstream = await loop.create_connection(lambda: Upstream(self), "127.0.0.1", self._backend_port)
        self._upstream.transport.write(request)


async def main() -> None:
    """Serve until killed."""
    port, backend_port = int(sys.argv[1]), int(sys.argv[2])
    server = await asyncio.get_running_loop().create_server(lambda: Downstream(backend_port), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
