"""A model provider on 127.0.0.1 that speaks OpenAI's wire format, both APIs, and says what a test tells it to.

    with ProviderServer() as provider:
        provider.script(Answer(Text("Hello.")), HttpError(429), Answer(ToolCall("list_tasks", {})))
        ... OPENAI_BASE_URL=provider.base_url ...
        provider.requests[0].body["messages"]

The same script is spoken as Responses events on `/v1/responses` and as chunks on `/v1/chat/completions`. A request
that finds the script empty is answered with an echo that names how many user messages it carried, so that a second
turn shows that it knows the first. It runs in a thread with a loop of its own, so a test of any kind can use it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from tests.support.provider_formats import (
    Answer,
    Cut,
    Json,
    Part,
    Picture,
    Reasoning,
    Stall,
    StreamError,
    Text,
    ToolCall,
    chunks_of,
    completion_of,
    events_of,
    response_of,
)

__all__ = [
    "Answer",
    "Cut",
    "Heard",
    "HttpError",
    "NoAnswer",
    "Picture",
    "ProviderServer",
    "RawBody",
    "RawStream",
    "Reasoning",
    "Reply",
    "Request",
    "Reset",
    "Stall",
    "StreamError",
    "Text",
    "ToolCall",
]


@dataclass(frozen=True)
class HttpError:
    """An answer with an error status. The message is one that no user may ever see."""

    status: int
    code: str | None = None
    message: str = "secret words of the provider about key sk-123"
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True)
class RawStream:
    """A stream, byte for byte."""

    text: str


@dataclass(frozen=True)
class RawBody:
    """A whole body of any type, byte for byte."""

    body: bytes
    media_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reset:
    """The request is taken, and the connection is reset before the headers."""


@dataclass(frozen=True)
class NoAnswer:
    """The request is taken and not a byte comes back for a time, in seconds."""

    seconds: float = 30.0


@dataclass(frozen=True)
class Heard:
    """What a recording says, from the audio API."""

    text: str


Reply = Answer | Heard | HttpError | RawBody | RawStream | Reset | NoAnswer
Scripted = Reply | Callable[[Json], Reply]


@dataclass
class Request:
    """A request as it came in.

    Attributes:
        path: As `/v1/responses`.
        headers: Names in lower case.
        body: Parsed.
        raw: The body as it came.
        query: The query string.
        stalled: The server's own event of this name.
        abandoned: Set when the client went before the answer was complete.
    """

    path: str
    headers: dict[str, str]
    body: Json
    raw: bytes
    query: str
    stalled: threading.Event
    abandoned: threading.Event = field(default_factory=threading.Event)


class _Broken(Exception):
    """Makes uvicorn drop the connection in mid-body."""


class ProviderServer:
    """A scripted provider. Use it as a context manager; `base_url` is what to configure."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        # Set when the provider stalls in mid-stream: all that came before is on its way.
        self.stalled = threading.Event()
        self._script: list[Scripted] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            log_config=None,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> ProviderServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    @property
    def base_url(self) -> str:
        """The URL that a client of OpenAI takes as its base."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def script(self, *replies: Scripted) -> None:
        """Append replies: each request takes the next one. A function gets the request's body."""
        self._script.extend(replies)

    def reset(self) -> None:
        """Forget what came in and what was to be answered, for the next test."""
        self.requests.clear()
        self._script.clear()
        self.stalled.clear()

    @property
    def bodies(self) -> list[Json]:
        """The bodies of all requests."""
        return [request.body for request in self.requests]

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        raw = b""
        while True:
            message = await receive()
            raw += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        body = json.loads(raw) if raw.startswith(b"{") else {}
        request = Request(scope["path"], headers, body, raw, scope["query_string"].decode(), self.stalled)
        self.requests.append(request)
        scripted = self._script.pop(0) if self._script else _echo
        reply = scripted(body) if callable(scripted) else scripted
        gone = asyncio.create_task(self._watch(receive))
        work = asyncio.create_task(_reply(reply, request, send))
        try:
            await asyncio.wait({gone, work}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                request.abandoned.set()
                work.cancel()
            await asyncio.gather(work, return_exceptions=not work.done())
        finally:
            gone.cancel()

    @staticmethod
    async def _watch(receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


async def _reply(reply: Reply, request: Request, send: Any) -> None:
    match reply:
        case NoAnswer():
            await asyncio.sleep(reply.seconds)
        case Reset():
            # ASGI has no message for it, so reach for the connection of uvicorn's request.
            send.__self__.transport.abort()
        case RawBody():
            headers = {"content-type": reply.media_type, **reply.headers}
            sent = [(name.encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": reply.status, "headers": sent})
            await send({"type": "http.response.body", "body": reply.body})
        case HttpError():
            error = {"message": reply.message, "type": "error", "param": None, "code": reply.code}
            await _whole(send, reply.status, {"error": error} if reply.body is None else reply.body, reply.headers)
        case Heard():
            await _whole(send, 200, {"text": reply.text}, {})
        case RawStream():
            await _start_stream(send)
            await send({"type": "http.response.body", "body": reply.text.encode()})
        case Answer():
            await _answer(reply, request, send)


async def _answer(answer: Answer, request: Request, send: Any) -> None:
    on_responses = request.path.endswith("/responses")
    model = str(request.body.get("model"))
    if not request.body.get("stream"):
        whole = response_of(answer, model) if on_responses else completion_of(answer, model)
        await _whole(send, 200, whole, {})
        return
    await _start_stream(send)
    if on_responses:
        payloads = events_of(answer, model)
    else:
        include_usage = bool((request.body.get("stream_options") or {}).get("include_usage"))
        payloads = chunks_of(answer, model, include_usage)
    async for payload in _paced(payloads, answer.pause, request):
        kind = f"event: {payload['type']}\n" if on_responses else ""
        data = f"{kind}data: {json.dumps(payload)}\n\n"
        await send({"type": "http.response.body", "body": data.encode(), "more_body": True})
    tail = b"data: [DONE]\n\n" if answer.ends and not on_responses else b""
    await send({"type": "http.response.body", "body": tail})


async def _paced(payloads: Iterator[Json | Part], pause: float, request: Request) -> AsyncIterator[Json]:
    for payload in payloads:
        match payload:
            case Cut():
                raise _Broken
            case Stall():
                request.stalled.set()
                await asyncio.sleep(payload.seconds)
            case dict():
                yield payload
                await asyncio.sleep(pause)


async def _start_stream(send: Any) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"x-request-id", b"req_test")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _whole(send: Any, status: int, body: Any, headers: dict[str, str]) -> None:
    sent = [(b"content-type", b"application/json")]
    sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def _echo(body: Json) -> Reply:
    said: list[str] = []
    for item in body.get("messages") or body.get("input") or []:
        if isinstance(item, dict) and item.get("role") == "user":
            content = item.get("content")
            texts = [content] if isinstance(content, str) else [part.get("text", "") for part in content or []]
            said.append(" ".join(texts))
    last = said[-1] if said else ""
    return Answer(Text(f"You said: {last}. You have said {len(said)} things: {' / '.join(said)}"))
