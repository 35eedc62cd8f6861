"""Keeping event streams moving, for what stands between Lambda and the reader.

A small chunk may sit at the edge until the next write, and silence may end a connection. Comment lines, which every
reader of `text/event-stream` skips, mend both: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio

from lambda_stream.bridge import App, Message, Receive, Scope, Send

COMMENT = b":\n\n"
EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
"""What ends an event; a comment anywhere else would fall into one."""
LONGEST_END = max(map(len, EVENT_ENDS))
"""Bytes of a stream that tell whether an event has just ended."""


class EventStreams:
    """An ASGI app around another: comments in its event streams, and nothing else changed.

    Args:
        app: the app.
        heartbeat: seconds of silence after which a comment is sent; 0 for never. 15 or less keeps proxies content.
        padding: whether a comment follows each chunk that ends an event, at once and in a write of its own.
    """

    def __init__(self, app: App, heartbeat: float, padding: bool) -> None:
        self._app = app
        self._heartbeat = heartbeat
        self._padding = padding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        stream = _EventStream(send, self._heartbeat, self._padding)
        try:
            await self._app(scope, receive, stream.send)
        finally:
            stream.close()


class _EventStream:
    def __init__(self, send: Send, heartbeat: float, padding: bool) -> None:
        self._send = send
        self._heartbeat = heartbeat
        self._padding = padding
        self._between_events = False
        self._tail = b""
        self._last_sent = 0.0
        self._beat: asyncio.Task[None] | None = None
        self._active = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
            named = {bytes(name).lower(): bytes(value).lower() for name, value in message.get("headers", ())}
            # In compressed bytes nobody sees where an event ends, and a comment would destroy them.
            plain = named.get(b"content-encoding", b"identity") == b"identity"
            self._active = plain and named.get(b"content-type", b"").startswith(b"text/event-stream")
            self._between_events = self._active
            if self._active and self._heartbeat:
                self._last_sent = asyncio.get_running_loop().time()
                self._beat = asyncio.create_task(self._beats())
            return
        if not self._active:
            await self._send(message)
            return
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        if chunk:
            # An event may come in pieces.
            self._tail = (self._tail + bytes(chunk[-LONGEST_END:]))[-LONGEST_END:]
            self._between_events = self._tail.endswith(EVENT_ENDS)
            self._last_sent = asyncio.get_running_loop().time()
        if not more:
            self.close()
        await self._send(message)
        if self._padding and chunk and more and self._between_events:
            await self._comment()

    async def _beats(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            quiet_for = loop.time() - self._last_sent
            if quiet_for < self._heartbeat:
                await asyncio.sleep(self._heartbeat - quiet_for)
                continue
            self._last_sent = loop.time()
            if self._between_events:
                try:
                    await self._comment()
                except OSError:
                    # The response is broken; the app learns of it from its own writes.
                    return

    async def _comment(self) -> None:
        await self._send({"type": "http.response.body", "body": COMMENT, "more_body": True})

    def close(self) -> None:
        """Send no comment any more."""
        self._active = False
        if self._beat is not None:
            self._beat.cancel()
