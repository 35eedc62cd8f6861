"""Call an ASGI app without a server: a client for whole answers, and a call with full control of its messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from starlette.types import ASGIApp

ORIGIN = "http://test"
# Opens a client of one function's app: `make("chat")`, with headers that replace the usual ones.
MakeClient = Callable[..., httpx2.AsyncClient]


def client(app: ASGIApp, **headers: str) -> httpx2.AsyncClient:
    """Return a client of an app. An error that the app lets out is raised in the test."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=ORIGIN, headers=headers)


@dataclass
class Call:
    """One request, whose client may leave.

    Attributes:
        status: The answer's status, once it has begun.
        headers: The answer's headers, names in lower case.
        body: What has come so far.
        ended: Whether the answer is complete.
    """

    method: str
    path: str
    request_body: bytes = b""
    request_headers: dict[str, str] = field(default_factory=dict)
    extra_scope: dict[str, Any] = field(default_factory=dict)
    leave_when: Callable[[bytes], bool] = lambda body: False
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    gone: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _returned: bool = False

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when a condition on the answer holds; it is looked at with everything that comes.

        Raises:
            AssertionError: the app has returned, and it does not hold.
        """
        while not condition():
            assert not self._returned, f"the app has returned: {self.status} {self.body!r}"
            self._changed.clear()
            await self._changed.wait()

    async def run(self, app: ASGIApp) -> None:
        """Send the request and return when the app does."""
        sent = False

        async def receive() -> MutableMapping[str, Any]:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()
            sent = True
            return {"type": "http.request", "body": self.request_body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            if self.gone:
                raise OSError("the client has left")
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                return
            self.body += message.get("body", b"")
            self.ended = not message.get("more_body", False)
            self.gone = self.leave_when(self.body)
            self._changed.set()

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in self.request_headers.items()],
            "server": ("test", 80),
            "client": ("127.0.0.1", 1),
            **self.extra_scope,
        }
        try:
            await app(scope, receive, send)
        finally:
            self._returned = True
            self._changed.set()
