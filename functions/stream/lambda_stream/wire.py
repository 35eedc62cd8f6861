"""A minimal HTTP/1.1 client for the Runtime API: one keep-alive connection, one exchange at a time.

It implements only the needed part of RFC 9112. A request is ready-made bytes. An answer ends by its length, its
last chunk or the end of the connection. The request's body is the function's response. Lambda may refuse the
response and answer before the whole request is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

MAX_HEAD = 1024 * 1024
"""The maximum size of an answer's head. The largest headers have a few KB."""
NO_CONTENT_STATUSES = frozenset({204, 304})


class ConnectionBroken(ConnectionError):
    """The connection to the Runtime API ended, or the answer was not HTTP."""


@dataclass(slots=True)
class Answer:
    """One HTTP response: status, headers by lower-case name (the last one if repeated), body."""

    status: int
    headers: dict[str, str]
    body: bytes


Take = Callable[[Answer | ConnectionBroken], None]
"""A callback that gets the outcome of an exchange. It is a callback and not a task, because waking a task takes longer
than an exchange."""


class Connection(asyncio.Protocol):
    """A connection that makes one exchange after another."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._transport: asyncio.Transport | None = None
        self._take: Take | None = None
        self._received = bytearray()
        self._head: tuple[int, dict[str, str]] | None = None
        self._wanted = 0
        self._chunks = _Chunks()
        self._writable: asyncio.Future[None] | None = None
        self._reusable = True
        self.closed = False
        self.paused = False
        """Whether the peer reads too slowly. If so, await `drain` before writing more."""

    # ---- what the client calls

    @property
    def usable(self) -> bool:
        """Whether another exchange can start."""
        return self._reusable and not self.closed and self._take is None

    def begin(self, data: bytes, take: Take) -> None:
        """Start an exchange with the first bytes of a request. Pass its answer or its error to `take`."""
        self._take = take
        if not self.write(data):
            self._settle(ConnectionBroken("the connection to the Runtime API is closed"))

    def exchange(self, data: bytes) -> asyncio.Future[Answer]:
        """Start an exchange and return a future.

        Returns:
            The future answer. It raises ConnectionBroken if there is none.
        """
        future: asyncio.Future[Answer] = self.loop.create_future()

        def take(answer: Answer | ConnectionBroken) -> None:
            if future.done():
                return
            if isinstance(answer, Answer):
                future.set_result(answer)
            else:
                future.set_exception(answer)

        self.begin(data, take)
        return future

    def write(self, data: bytes) -> bool:
        """Send more bytes of the request, and return whether the connection accepts them.

        A connection is closed before `connection_lost` is called, and uvloop raises for a write in between.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        transport.write(data)
        return True

    async def drain(self) -> None:
        """Wait until the peer has read most of the written data."""
        if self._writable is not None:
            # Several tasks may wait here. Cancelling one must not cancel the others.
            await asyncio.shield(self._writable)

    def abort(self) -> None:
        """Close at once, without sending buffered data."""
        self._reusable = False
        if self._transport is not None:
            self._transport.abort()

    def drop(self) -> None:
        """Close at once and ignore the pending answer."""
        self._take = None
        self.abort()

    # ---- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        self._writable = self.loop.create_future()
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        head = self._head
        if head is not None and self._wanted == _UNTIL_CLOSED:
            self._complete(head, bytes(self._received))
        if self._take is not None:
            broken = ConnectionBroken("the Runtime API closed the connection")
            broken.__cause__ = exc
            self._settle(broken)
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        received = self._received
        if not received and self._head is None and self._take_whole(data):
            return
        received += data
        if self._head is None:
            end = received.find(b"\r\n\r\n")
            while end >= 0 and received.startswith(b"HTTP/1.1 1"):
                # A 1xx answer precedes the final answer.
                del received[: end + 4]
                end = received.find(b"\r\n\r\n")
            if end < 0:
                if len(received) > MAX_HEAD:
                    self.abort()
                return
            try:
                self._head = head = _parse_head(bytes(received[:end]))
                self._wanted = _body_length(*head)
                self._chunks = _Chunks()
            except ValueError:
                self.abort()
                return
            del received[: end + 4]
            self._heed(head)
        if self._wanted >= 0:
            if len(received) >= self._wanted:
                self._complete(self._head, bytes(received[: self._wanted]))
        elif self._wanted == _CHUNKED:
            try:
                body = self._chunks.take(received)
            except ValueError:
                self.abort()
                return
            if body is not None:
                self._complete(self._head, body)

    def _take_whole(self, data: bytes) -> bool:
        """Take an answer that arrived in one piece, as most do, without buffering it."""
        end = data.find(b"\r\n\r\n")
        if end < 0 or data.startswith(b"HTTP/1.1 1"):
            return False
        try:
            head = _parse_head(data[:end])
            wanted = _body_length(*head)
        except ValueError:
            return False
        body = data[end + 4 :]
        if len(body) != wanted:
            return False
        self._heed(head)
        self._complete(head, body)
        return True

    def _heed(self, head: tuple[int, dict[str, str]]) -> None:
        if head[1].get("connection", "").lower() == "close":
            self._reusable = False

    def _complete(self, head: tuple[int, dict[str, str]], body: bytes) -> None:
        self._received.clear()
        self._head = None
        self._settle(Answer(head[0], head[1], body))

    def _settle(self, outcome: Answer | ConnectionBroken) -> None:
        take, self._take = self._take, None
        if take is not None:
            take(outcome)


_CHUNKED = -1
_UNTIL_CLOSED = -2


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"not an HTTP answer: {version!r}")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return int(rest[:3]), headers


def _body_length(status: int, headers: dict[str, str]) -> int:
    if status in NO_CONTENT_STATUSES:
        return 0
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _CHUNKED
    length = headers.get("content-length")
    if length is None:
        return _UNTIL_CLOSED
    if not length.isdigit():
        raise ValueError(f"not a length: {length!r}")
    return int(length)


class _Chunks:
    """A decoder for a chunked body. It consumes the received bytes from the front."""

    __slots__ = ("_last_seen", "_parts")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._last_seen = False

    def take(self, received: bytearray) -> bytes | None:
        """Return the body, or None if it is not complete. Trailers are skipped.

        Raises:
            ValueError: a chunk has no size.
        """
        position = 0
        body = None
        while (line_end := received.find(b"\r\n", position)) >= 0:
            if self._last_seen:
                empty = line_end == position
                position = line_end + 2
                if empty:
                    body = b"".join(self._parts)
                    break
                continue
            size = int(bytes(received[position:line_end]).partition(b";")[0], 16)
            if size == 0:
                self._last_seen = True
                position = line_end + 2
                continue
            if len(received) < line_end + 2 + size + 2:
                break
            self._parts.append(bytes(received[line_end + 2 : line_end + 2 + size]))
            position = line_end + 2 + size + 2
        del received[:position]
        return body
