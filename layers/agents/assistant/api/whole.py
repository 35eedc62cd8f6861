"""Answers of a function that does not stream: held back until they are whole, and never larger than Lambda carries."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.api.errors import error_response
from assistant.aws import fits
from assistant.errors import AnswerTooLargeError

# What tells a client which turn it was, also where its answer cannot be sent.
_KEPT_HEADERS = (b"x-turn-id",)


class WholeAnswers:
    """Answers 413 in place of what is too large; Lambda would drop it and answer 502, on which clients try again."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        """Wrap an app.

        Args:
            app: The app.
            most: How many bytes a body may take inside Lambda's answer.
        """
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, and send its answer at once when it is whole."""
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
            await error_response(AnswerTooLargeError(), headers=kept)(scope, receive, send)

        await self._app(scope, receive, hold)
