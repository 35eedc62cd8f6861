"""A minimal Python runtime for Lambda: two exchanges, the event's JSON, a scope, a prelude and one task.

It keeps none of the rules that make a runtime: no failure of the app or of the API, no deadline, no back-pressure, no
context object, no logs. It stands in the table to show what of the cost is the place, and what is ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any, cast

import uvloop

sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])

from benchmarks.streaming_app import app
from lambda_stream.events import http_request
from lambda_stream.prelude import prelude

HOST, _, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].partition(":")
API = "/2018-06-01/runtime/invocation"
NEXT = f"GET {API}/next HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
CHUNKED = "Transfer-Encoding: chunked"
ID = b"Lambda-Runtime-Aws-Request-Id: "
AT_ONCE: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


class Client(asyncio.Protocol):
    """Takes an event, runs the app, writes its response, and asks for the next when that was received."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.Transport, transport).write
        self._loop = asyncio.get_running_loop()
        self._write(NEXT)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 202"):
            self._write(NEXT)
            return
        head, _, event = data.partition(b"\r\n\r\n")
        request_id = head.partition(ID)[2].partition(b"\r\n")[0].decode()
        scope, body = http_request(json.loads(event))
        asyncio.Task(self._serve(scope, body, request_id), loop=self._loop, **AT_ONCE)

    async def _serve(self, scope: dict[str, Any], body: bytes, request_id: str) -> None:
        unsent: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                head = f"POST {API}/{request_id}/response HTTP/1.1\r\nHost: {HOST}\r\n{CHUNKED}\r\n\r\n"
                opening = prelude(message["status"], message["headers"])
                unsent.extend((head.encode(), b"%x\r\n" % len(opening), opening, b"\r\n"))
                return
            chunk = message["body"]
            last = b"" if message["more_body"] else b"0\r\n\r\n"
            self._write(b"".join((*unsent, b"%x\r\n" % len(chunk), chunk, b"\r\n", last)))
            unsent.clear()

        await app(scope, cast(Any, receive), send)


async def main() -> None:
    """Serve until killed."""
    await asyncio.get_running_loop().create_connection(Client, HOST, int(PORT))
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
