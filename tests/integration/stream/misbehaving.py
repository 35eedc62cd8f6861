"""ASGI apps that break rules or behave unusually. The path selects the app."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable

from tests.integration.stream.apps import Message, Receive, Scope, Send, chunk, start


class Wordless(Exception):
    """It cannot be put into words."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise RuntimeError(f"no {scope['type']}")
    await ROUTES[scope["path"]](scope, receive, send)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await chunk(send, b"hello", more=False)


async def releases_its_view(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    with memoryview(b"viewed ") as view:
        await send({"type": "http.response.body", "body": view, "more_body": True})
    await chunk(send, b"and done", more=False)


async def refills_its_buffer(scope: Scope, receive: Receive, send: Send) -> None:
    size = int(scope["query_string"])
    buffer = bytearray(size)
    await start(send)
    for letter in b"ABCDE":
        buffer[:] = bytes([letter]) * size
        await send({"type": "http.response.body", "body": buffer, "more_body": True})
    await chunk(send, b"", more=False)


async def views_wide_items(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await send({"type": "http.response.body", "body": memoryview(b"12345678").cast("H"), "more_body": True})
    await chunk(send, b"", more=False)


async def sends_text(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    message: Message = {"type": "http.response.body", "body": "text", "more_body": True}
    with contextlib.suppress(TypeError):
        await send(message)
    await chunk(send, b"bytes", more=False)


async def raises_its_own_kind_before(scope: Scope, receive: Receive, send: Send) -> None:
    raise BaseException("of no usual kind")


async def raises_its_own_kind_between(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    raise BaseExceptionGroup("several", [KeyboardInterrupt()])


async def raises_without_words(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    raise Wordless


async def speaks_half_a_surrogate(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("half of \ud83d")


async def swallows_every_error(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    while True:
        with contextlib.suppress(OSError):
            await chunk(send, b"a" * 1000)


async def ignores_cancelling(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await chunk(send, b"begun")
    end = time.monotonic() + float(scope["query_string"])
    while time.monotonic() < end:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)


async def slow_shutdown(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("shutting down")
        await asyncio.sleep(3600)
    await app(scope, receive, send)


async def exits_at_startup(scope: Scope, receive: Receive, send: Send) -> None:
    raise SystemExit("no licence")


async def terminates_itself(scope: Scope, receive: Receive, send: Send) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await ignores_cancelling(scope, receive, send)


async def bad_start(scope: Scope, receive: Receive, send: Send) -> None:
    status, _, name = scope["query_string"].decode().partition(",")
    await start(send, int(status), [(name.encode(), b"1")])
    await chunk(send, b"never", more=False)


ROUTES: dict[str, Callable[[Scope, Receive, Send], Awaitable[None]]] = {
    f"/{function.__name__}": function
    for function in (
        hello,
        releases_its_view,
        refills_its_buffer,
        views_wide_items,
        sends_text,
        raises_its_own_kind_before,
        raises_its_own_kind_between,
        raises_without_words,
        speaks_half_a_surrogate,
        swallows_every_error,
        ignores_cancelling,
        terminates_itself,
        bad_start,
    )
}
