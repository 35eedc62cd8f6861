"""The ASGI bridge: run one HTTP request of an ASGI app (spec 2.4) and stream its response.

It does not use the Runtime API. It writes to a `Response`, which the caller provides.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from lambda_stream.faults import Fault
from lambda_stream.prelude import NO_BODY_STATUSES, prelude

Message = MutableMapping[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SENDS_PER_YIELD = 32
"""After this many chunks in a row, yield to the event loop: an app that never waits would block timers and refusals."""
DEADLINE_FAULT = Fault("Runtime.DeadlineExceeded", "The function's time ended before its response did")

logger = logging.getLogger("lambda_stream")


class ResponseEnded(OSError):
    """The app called `send` after the response was broken or ended by the runtime."""


class Response(Protocol):
    """The destination of a response's chunks."""

    broken: str
    """The reason why the response cannot be delivered, or an empty string."""

    def begin(self) -> bool:
        """Use an open connection, and return whether there is one. If not, call `connect`."""

    async def connect(self) -> None:
        """Open a connection.

        Raises:
            OSError: the reader cannot be reached.
        """

    def write(self, chunk: bytes) -> bool:
        """Send a chunk, skipping an empty one.

        Returns:
            Whether the reader is too slow. If so, await `drain`.

        Raises:
            OSError: the response cannot be delivered any more.
        """

    async def drain(self) -> None:
        """Wait until a slow reader has caught up.

        Raises:
            OSError: the response cannot be delivered any more.
        """

    def finish(self, chunk: bytes = b"") -> None:
        """End the response, with a last chunk if there is one."""

    def fail(self, fault: Fault) -> None:
        """End the response with an error that the reader can detect."""


class State(enum.Enum):
    """The state of a response."""

    WAITING = enum.auto()
    CONNECTING = enum.auto()
    STREAMING = enum.auto()
    ENDED = enum.auto()


# Globals, because in Python 3.11 reading a member of an enumeration takes five times as long.
WAITING, CONNECTING, STREAMING, ENDED = State


class Exchange:
    """One request and its response.

    Args:
        app: the ASGI app.
        scope: the request's scope.
        body: the whole body of the request.
        response: the destination of the response.
        on_broken_stream: called for a response that ends in an error after it has started.
    """

    __slots__ = (
        "_app",
        "_body",
        "_disconnected",
        "_no_body",
        "_on_broken_stream",
        "_response",
        "_scope",
        "_state",
        "_told_of_deadline",
        "_unyielded",
        "_waiters",
    )

    def __init__(
        self,
        app: App,
        scope: Scope,
        body: bytes,
        response: Response,
        on_broken_stream: Callable[[Fault], None],
    ) -> None:
        self._app = app
        self._scope = scope
        self._body: bytes | None = body
        self._response = response
        self._on_broken_stream = on_broken_stream
        self._state = WAITING
        self._no_body = scope["method"] == "HEAD"
        self._disconnected = False
        self._told_of_deadline = False
        self._unyielded = 0
        self._waiters: asyncio.Event | None = None

    async def run(self) -> None:
        """Run the app. An exception becomes an error response, error trailers or a log line."""
        try:
            await self._app(self._scope, self._receive, self._send)
        except BaseException as error:
            # Also catches sys.exit(): one request must not end the process of the others.
            await self._raised(error)
        else:
            await self._returned()
        self.disconnect()

    def disconnect(self) -> None:
        """Make `receive` return `http.disconnect`, because the response is broken or has ended."""
        self._disconnected = True
        if self._waiters is not None:
            self._waiters.set()

    def tell_of_deadline(self) -> None:
        """Make `receive` return `http.disconnect` before the deadline. The app can still send and should end."""
        self._told_of_deadline = True
        self.disconnect()

    async def cut(self) -> None:
        """End the response at the deadline, because the app has not."""
        self._told_of_deadline = True
        if self._state is WAITING:
            logger.error("The deadline came before the response had begun")
            await self._answer_plainly(504, b"Gateway Timeout")
        elif self._state is not ENDED:
            logger.error("The deadline came before the response had ended")
            self._break_off(DEADLINE_FAULT)
        self.disconnect()

    # ---- what the app calls

    async def _receive(self) -> Message:
        body = self._body
        if body is not None:
            self._body = None
            return {"type": "http.request", "body": body, "more_body": False}
        if not self._disconnected:
            if self._waiters is None:
                self._waiters = asyncio.Event()
            await self._waiters.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body" and self._state is STREAMING:
            response = self._response
            chunk = message.get("body", b"")
            if type(chunk) is not bytes:
                chunk = _copied(chunk)
            if response.broken:
                # Yield, so that an app that ignores the error does not block the event loop.
                await asyncio.sleep(0)
                raise ResponseEnded(response.broken)
            if self._no_body:
                chunk = b""
            if not message.get("more_body", False):
                response.finish(chunk)
                self._state = ENDED
                self.disconnect()
                return
            if response.write(chunk):
                self._unyielded = 0
                await response.drain()
            else:
                self._unyielded += 1
                if self._unyielded >= SENDS_PER_YIELD:
                    self._unyielded = 0
                    await asyncio.sleep(0)
        elif kind == "http.response.start" and self._state is WAITING:
            await self._start(message["status"], message.get("headers", ()))
        elif self._state is ENDED and self._told_of_deadline:
            raise ResponseEnded("the function's time has ended")
        else:
            raise RuntimeError(f"{kind!r} is not possible here: the response is {self._state.name.lower()}")

    async def _start(self, status: int, headers: Any) -> None:
        head = prelude(status, headers)
        if status in NO_BODY_STATUSES:
            self._no_body = True
        response = self._response
        if not response.begin():
            await self._connect()
        self._state = STREAMING
        response.write(head)

    async def _connect(self) -> None:
        self._state = CONNECTING
        try:
            await self._response.connect()
        except OSError:
            # Nothing was sent, so the app may try again.
            self._state = WAITING
            raise
        if self._state is not CONNECTING:
            raise ResponseEnded("the function's time has ended")

    # ---- how it ends

    async def _raised(self, error: BaseException) -> None:
        if self._response.broken:
            if not isinstance(error, (OSError, asyncio.CancelledError)):
                logger.error("The app raised after its response had broken", exc_info=error)
        elif self._told_of_deadline and isinstance(error, (ResponseEnded, asyncio.CancelledError)):
            await self._returned()
        elif self._state is WAITING:
            logger.error("The app raised before it had started its response", exc_info=error)
            await self._answer_plainly(500, b"Internal Server Error")
        elif self._state is not ENDED:
            logger.error("The app raised in the middle of its response", exc_info=error)
            self._break_off(Fault.of(error))
        else:
            logger.error("The app raised after the end of its response", exc_info=error)

    async def _returned(self) -> None:
        if self._state is ENDED or self._response.broken:
            return
        if self._told_of_deadline:
            await self.cut()
        elif self._state is WAITING:
            logger.error("The app returned without a response")
            await self._answer_plainly(500, b"Internal Server Error")
        else:
            logger.error("The app returned without ending its response")
            self._break_off(Fault("Runtime.IncompleteResponse", "The app returned without ending its response"))

    def _break_off(self, fault: Fault) -> None:
        begun = self._state is STREAMING
        self._state = ENDED
        if begun:
            self._response.fail(fault)
            self._on_broken_stream(fault)

    async def _answer_plainly(self, status: int, text: bytes) -> None:
        try:
            await self._start(status, [(b"content-type", b"text/plain; charset=utf-8")])
            self._response.finish(b"" if self._no_body else text)
        except OSError as error:
            logger.error("The response could not be delivered: %s", error)
        self._state = ENDED


def _copied(chunk: object) -> bytes:
    """Return a copy of a chunk, because the app may change its buffer before the chunk is sent."""
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return bytes(chunk)
    raise TypeError(f"the body of a response is bytes, not {type(chunk).__name__}")
