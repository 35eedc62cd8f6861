"""A streamed response to Lambda: chunks, trailers and Lambda's answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lambda_stream.faults import Fault
from lambda_stream.wire import Answer, Connection, ConnectionBroken

ERROR_TYPE_HEADER = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY_HEADER = "Lambda-Runtime-Function-Error-Body"


class StreamBroken(ConnectionError):
    """The response can no longer be delivered."""


class Connections(Protocol):
    """The source of a response's connection."""

    @property
    def idle(self) -> Connection | None:
        """An open and unused connection."""

    async def connect(self) -> Connection:
        """Open a new connection.

        Raises:
            OSError: the API cannot be reached.
        """


class ResponseStream:
    """The streamed response of one invocation.

    Args:
        connections: the source of its connection.
        head: the request head of the response.
        on_broken: called once, when the response cannot be delivered.
        on_settled: called once, when Lambda has acknowledged the response or never will.
    """

    __slots__ = (
        "_connection",
        "_connections",
        "_finished",
        "_on_broken",
        "_on_settled",
        "_unsent",
        "broken",
        "settled",
    )

    def __init__(
        self,
        connections: Connections,
        head: bytes,
        on_broken: Callable[[str], None],
        on_settled: Callable[[], None],
    ) -> None:
        self._connections = connections
        self._connection: Connection
        self._unsent: list[bytes] | None = [head]
        """Data to send in the next iteration of the event loop, so that prelude and short bodies are sent together."""
        self._on_broken = on_broken
        self._on_settled = on_settled
        self._finished = False
        self.broken: str = ""
        """The reason why the response cannot be delivered, or an empty string."""
        self.settled = True
        """Whether no answer from Lambda is pending."""

    def begin(self) -> bool:
        """Use the open connection, and return whether there is one. Nothing is sent before the first chunk."""
        connection = self._connections.idle
        if connection is None:
            return False
        self._connection = connection
        return True

    async def connect(self) -> None:
        """Open a connection.

        Raises:
            OSError: the API cannot be reached.
        """
        self._connection = await self._connections.connect()

    def write(self, chunk: bytes) -> bool:
        """Send a chunk.

        An empty chunk is skipped, because on the wire it would end the response.

        Returns:
            Whether Lambda reads too slowly. If so, await `drain`.

        Raises:
            StreamBroken: Lambda no longer accepts the response.
        """
        connection = self._connection
        size = len(chunk)
        if size == 0:
            return connection.paused
        unsent = self._unsent
        if unsent is not None:
            if len(unsent) == 1:
                self.settled = False
                connection.loop.call_soon(self._begin)
            unsent += (b"%x\r\n" % size, chunk, b"\r\n")
        elif not connection.write(b"".join((b"%x\r\n" % size, chunk, b"\r\n"))):
            self._break("the connection to the Runtime API is closed")
            raise StreamBroken(self.broken)
        return connection.paused

    async def drain(self) -> None:
        """Wait until Lambda has read most of the written data.

        Raises:
            StreamBroken: Lambda no longer accepts the response.
        """
        self._begin()
        await self._connection.drain()
        if self.broken:
            raise StreamBroken(self.broken)

    def finish(self, chunk: bytes = b"") -> None:
        """End the response, with a last chunk if there is one."""
        if chunk:
            self._end(b"".join((b"%x\r\n" % len(chunk), chunk, b"\r\n0\r\n\r\n")))
        else:
            self._end(b"0\r\n\r\n")

    def fail(self, fault: Fault) -> None:
        """End the response with error trailers."""
        self._end(
            b"0\r\n%s: %s\r\n%s: %s\r\n\r\n"
            % (
                ERROR_TYPE_HEADER.encode(),
                fault.kind.encode("ascii"),
                ERROR_BODY_HEADER.encode(),
                fault.trailer_body(),
            )
        )

    def abandon(self, why: str) -> None:
        """Close the response's connection without sending buffered data."""
        self._break(why)
        self._connection.abort()

    def _end(self, last: bytes) -> None:
        if not self.broken and not self._finished:
            self._finished = True
            if self._unsent is None:
                self._connection.write(last)
            else:
                self._unsent.append(last)
                self._begin()

    def _begin(self) -> None:
        unsent, self._unsent = self._unsent, None
        if unsent is not None:
            self._connection.begin(b"".join(unsent), self._answered)

    def _answered(self, answer: Answer | ConnectionBroken) -> None:
        if not isinstance(answer, Answer):
            self._break(str(answer))
        elif answer.status >= 400:
            self._break(f"the Runtime API refused the response with status {answer.status}: {answer.body[:500]!r}")
            # The request was sent only in part, so the connection cannot be used again.
            self._connection.abort()
        self.settled = True
        self._on_settled()

    def _break(self, why: str) -> None:
        if not self.broken:
            self.broken = why
            self._on_broken(why)
