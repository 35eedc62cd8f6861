"""HTTP/1.1 as the Runtime API speaks it: one keep-alive connection, one exchange at a time.

Only what this client needs of RFC 9112: a request is bytes made elsewhere; an answer has a length, chunks, or the
connection's end. An answer may come before the request has been sent whole; that is how a response is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

MAX_HEAD = 1024 * 1024
"""Bytes of an answer's head; the largest headers, client context and identity, are a few KB."""
NO_CONTENT_STATUSES = frozenset({204, 304})


class ConnectionBroken(ConnectionError):
    """The Runtime API's connection ended, or did not speak HTTP."""


@dataclass(slots=True)
class Answer:
    """One HTTP response: status, headers by lower-case name (the last of repeated ones), body."""

    status: int
    headers: dict[str, str]
    body: bytes


Take = Callable[[Answer | ConnectionBroken], None]
"""What an exchange's outcome is handed to, from the loop, once. A call, for an invocation makes two exchanges, and
waking a task for each costs more than both."""


class Connection(asyncio.Protocol):
    """A connection that carries one exchange after the other."""

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
        """Whether the peer is slower than we are: wait for `drain` before writing more."""

    # ---- what the client calls

    @property
    def usable(self) -> bool:
        """Whether another exchange can begin."""
        return self._reusable and not self.closed and self._take is None

    def begin(self, data: bytes, take: Take) -> None:
        """Start an exchange with the first bytes of a request, and hand its answer, or why there is none, to `take`."""
        self._take = take
        if not self.write(data):
            self._settle(ConnectionBroken("the connection to the Runtime API is closed"))

    def exchange(self, data: bytes) -> asyncio.Future[Answer]:
        """Do the same for one who waits.

        Returns:
            The answer to come; ConnectionBroken if there will be none.
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
        """Send more bytes of the request, and return whether the connection takes them.

        It is closed some turns of the loop before `connection_lost` says so, and uvloop raises for a write in between.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        transport.write(data)
        return True

    async def drain(self) -> None:
        """Wait until the peer has taken most of what was written."""
        if self._writable is not None:
            # Several tasks of one app may wait here, and each may be cancelled without the others.
            await asyncio.shield(self._writable)

    def abort(self) -> None:
        """Close at once, without sending what is still buffered."""
        self._reusable = False
        if self._transport is not None:
            self._transport.abort()

    def drop(self) -> None:
        """Close at once; what was asked for is not wanted any more."""
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
                # 1xx is only news of the answer to come.
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
        """Take an answer that came in one piece, as nearly all do, without putting it together."""
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
    """A chunked body, taken from the front of the received bytes as it comes."""

    __slots__ = ("_last_seen", "_parts")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._last_seen = False

    def take(self, received: bytearray) -> bytes | None:
        """Return the body, or None while it is not whole. Trailers are read over.

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
