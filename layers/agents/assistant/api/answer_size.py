"""Collect the answer of a function that does not stream, and send 413 if the answer is too large for Lambda."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.api.errors import error_response
from assistant.aws import fits
from assistant.errors import AnswerTooLargeError

# A 413 keeps these headers of the original answer, so that the client knows which turn it was.
_KEPT_HEADERS = (b"x-turn-id", b"x-person", b"x-working")


class AnswerSizeLimit:
    """Answers 413 if the answer is too large. Lambda would answer 502 instead, and clients retry a 502."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        """Wrap an app.

        Args:
            app: The app.
            most: The maximum size of a body inside Lambda's answer, in bytes.
        """
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, collect its answer and send it in one piece."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message = {}
        parts: list[bytes] = []

        async def hold(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body", False):
                return
            body = b"".join(parts)
            if fits(body, self._most):
                await send(start)
                await send({"type": "http.response.body", "body": body})
                return
            kept = {name.decode(): value.decode() for name, value in start["headers"] if name in _KEPT_HEADERS}
            await error_response(AnswerTooLargeError(), scope, headers=kept)(scope, receive, send)

        await self._app(scope, receive, hold)
