"""The connections to providers: a network backend of httpcore on asyncio's own transports.

httpx and httpcore still do the HTTP. Their default backend uses anyio. For each read, anyio puts the socket into the
event loop's selector and takes it out again, and makes a cancel scope and a timer. A streamed answer is hundreds of
small reads. This backend saves a tenth of a turn's CPU. Behind a proxy, httpx uses its own backend.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import httpcore2

if TYPE_CHECKING:
    import socket
    import ssl

# Unread bytes of an answer, above which a connection stops reading.
MAX_UNREAD_BYTES = 256 * 1024
# A request is written in parts of this size. TLS would take a large request at once, without a time-out for its parts.
WRITE_BYTES = 256 * 1024
# RFC 8305 advises this delay before the next address of a host is tried.
NEXT_ADDRESS_SECONDS = 0.25


class NetworkStream(asyncio.Protocol, httpcore2.AsyncNetworkStream):
    """One connection. httpcore has at most one reader and one writer of it at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._ended = False
        self._lost: Exception | None = None
        self._paused = False
        self._reading = _Waiter(httpcore2.ReadTimeout)
        self._writing = _Waiter(httpcore2.WriteTimeout)
        self._full = False
        self._transport: asyncio.Transport

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > MAX_UNREAD_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._reading.wake()

    def eof_received(self) -> None:
        self._ended = True
        self._reading.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended, self._lost = True, exc
        self._reading.wake()
        self._writing.wake()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._writing.wake()

    # What httpcore calls

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the bytes that have arrived, or wait for some. Empty bytes are the end.

        Raises:
            httpcore2.ReadTimeout: no bytes arrived in time.
            httpcore2.ReadError: the connection broke.
        """
        if not self._received and not self._ended:
            await self._reading.wait(timeout)
        if self._received:
            data = bytes(self._received[:max_bytes])
            del self._received[:max_bytes]
            if self._paused and len(self._received) <= MAX_UNREAD_BYTES:
                self._paused = False
                self._transport.resume_reading()
            return data
        if self._lost is not None:
            raise httpcore2.ReadError(str(self._lost)) from self._lost
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes, and wait if too many are unsent.

        Raises:
            httpcore2.WriteTimeout: no bytes could be sent in this time.
            httpcore2.WriteError: the connection broke.
        """
        if self._transport.is_closing():
            raise httpcore2.WriteError(str(self._lost or "The connection is closed.")) from self._lost
        for start in range(0, len(buffer), WRITE_BYTES):
            self._transport.write(buffer[start : start + WRITE_BYTES])
            if self._full:
                await self._writing.wait(timeout)
                if self._lost is not None:
                    raise httpcore2.WriteError(str(self._lost)) from self._lost

    async def aclose(self) -> None:
        """Close the connection at once, and drop the unsent bytes."""
        self._reading.close()
        self._writing.close()
        self._transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Begin TLS.

        Raises:
            httpcore2.ConnectTimeout: the handshake took too long.
            httpcore2.ConnectError: the handshake failed.
        """
        try:
            async with asyncio.timeout(timeout):
                transport = await self._loop.start_tls(
                    self._transport, self, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError as error:
            self._transport.abort()
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            self._transport.abort()
            raise httpcore2.ConnectError(str(error)) from error
        if transport is None:
            raise httpcore2.ConnectError("The server closed the connection.")
        self._transport = transport
        return self

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore documents for network streams."""
        match info:
            case "client_addr":
                return self._transport.get_extra_info("sockname")
            case "server_addr":
                return self._transport.get_extra_info("peername")
            case "is_readable":
                # After a freeze, the process has not read the bytes that arrived meanwhile, nor the connection's end.
                return self._ended or bool(self._received) or _readable(self._transport.get_extra_info("socket"))
            case _:
                return self._transport.get_extra_info(info)


class NetworkBackend(httpcore2.AsyncNetworkBackend):
    """Connects to providers."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect. The pool of this file sets neither a local address nor options of the socket.

        Raises:
            httpcore2.ConnectTimeout: no connection in time.
            httpcore2.ConnectError: no address of the host answers, or it has none.
        """
        loop = asyncio.get_running_loop()
        # uvloop's loop does not know the parameter.
        race: dict[str, Any] = (
            {"happy_eyeballs_delay": NEXT_ADDRESS_SECONDS} if isinstance(loop, asyncio.BaseEventLoop) else {}
        )
        try:
            async with asyncio.timeout(timeout):
                _, stream = await loop.create_connection(NetworkStream, host, port, **race)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        return stream

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Waiter:
    """Waits for one event after another, each with a time-out, on one timer.

    A timer of its own for each of an answer's reads would cost a twentieth of the turn.
    """

    def __init__(self, late: type[Exception]) -> None:
        self._loop = asyncio.get_running_loop()
        self._late = late
        self._event: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, seconds: float | None) -> None:
        """Wait until `wake` is called.

        Raises:
            httpcore2.TimeoutException: it was not called in time.
        """
        self._event = self._loop.create_future()
        if seconds is not None:
            self._deadline = self._loop.time() + seconds
            if self._timer is None or self._timer.when() > self._deadline:
                self._set_timer()
        try:
            await self._event
        finally:
            self._event = None

    def wake(self) -> None:
        """End the wait, if there is one."""
        if self._event is not None and not self._event.done():
            self._event.set_result(None)

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._check)

    def _check(self) -> None:
        self._timer = None
        if self._event is None or self._event.done():
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._event.set_exception(self._late())


def _readable(sock: socket.socket) -> bool:
    if sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
