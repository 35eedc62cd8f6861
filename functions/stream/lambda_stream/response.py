"""A streamed response on its way to Lambda: chunks, trailers, and Lambda's word on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lambda_stream.faults import Fault
from lambda_stream.wire import Answer, Connection, ConnectionBroken

ERROR_TYPE_HEADER = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY_HEADER = "Lambda-Runtime-Function-Error-Body"


class StreamBroken(ConnectionError):
    """The response cannot be delivered any more."""


class Connections(Protocol):
    """Where a response gets its connection."""

    @property
    def idle(self) -> Connection | None:
        """An open connection that nothing uses."""

    async def connect(self) -> Connection:
        """Open a new one.

        Raises:
            OSError: the API cannot be reached.
        """


class ResponseStream:
    """The response of one invocation on its way to Lambda.

    Args:
        connections: where its connection comes from.
        head: the request head of the response.
        on_broken: called once, when the response cannot be delivered.
        on_settled: called once, when Lambda has answered to the response or never will.
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
        """What leaves at the loop's next turn, until it has: the prelude and a short body wake the reader once."""
        self._on_broken = on_broken
        self._on_settled = on_settled
        self._finished = False
        self.broken: str = ""
        """Why the response cannot be delivered; empty while it can."""
        self.settled = True
        """Whether no answer of Lambda's is to come: it has, it never will, or nothing was sent."""

    def begin(self) -> bool:
        """Take the connection that is open, and return whether there is one; nothing is sent before the first chunk."""
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

        An empty one is skipped: on the wire a chunk without a byte ends the response.

        Returns:
            Whether Lambda takes less than was written: await `drain`.

        Raises:
            StreamBroken: Lambda does not take it any more.
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
        """Wait until Lambda has taken most of what was written.

        Raises:
            StreamBroken: it never will.
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
        """End the response with an error, in the trailers."""
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
        """Give the response up and close its connection, whatever is still buffered."""
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
            # Half a request may stand on the connection, and a second answer may come.
            self._connection.abort()
        self.settled = True
        self._on_settled()

    def _break(self, why: str) -> None:
        if not self.broken:
            self.broken = why
            self._on_broken(why)
