"""An internal extension without events. Lambda sends SIGTERM only to functions that have an extension.

Lambda then allows 500 ms for the shutdown:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from lambda_stream.wire import Answer, Connection

EXTENSION_API = "/2020-01-01/extension"
EXTENSION_NAME = "lambda-stream"

logger = logging.getLogger("lambda_stream")


class InternalExtension:
    """The registration, and the poll that keeps it alive. The extension gets no events, so the poll is never answered.

    Args:
        address: `host:port` of the Runtime API, which also serves the Extensions API.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: Connection | None = None
        self._poll: asyncio.Future[Answer] | None = None

    async def register(self) -> None:
        """Register the extension. A failure is logged and only affects the shutdown."""
        host, _, port = self._address.rpartition(":")
        loop = asyncio.get_running_loop()
        body = b'{"events":[]}'
        try:
            _, connection = await loop.create_connection(lambda: Connection(loop), host, int(port))
            self._connection = connection
            answer = await connection.exchange(
                self._head("POST", "/register", f"Lambda-Extension-Name: {EXTENSION_NAME}")
                + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                + body
            )
            identifier = answer.headers.get("lambda-extension-identifier")
            if answer.status != 200 or identifier is None:
                logger.warning("No extension, no SIGTERM: registering it gave status %d", answer.status)
                self.close()
                return
            self._poll = connection.exchange(
                self._head("GET", "/event/next", f"Lambda-Extension-Identifier: {identifier}") + b"\r\n"
            )
        except OSError as error:
            logger.warning("No extension, no SIGTERM: %s", error)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.abort()
        if self._poll is not None:
            with contextlib.suppress(asyncio.InvalidStateError):
                self._poll.cancel()

    def _head(self, method: str, path: str, header: str) -> bytes:
        return f"{method} {EXTENSION_API}{path} HTTP/1.1\r\nHost: {self._address}\r\n{header}\r\n".encode()
