"""Small ASGI apps for tests of the streaming runtime. The path selects the app."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

Message = MutableMapping[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

NOTES: list[str] = []
"""What the app wants the test to know, told by /notes."""
LEFT_BEHIND: ContextVar[str] = ContextVar("left_behind", default="nothing")


async def start(send: Send, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers or []})


async def chunk(send: Send, data: bytes, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def answer(send: Send, value: object) -> None:
    await start(send, headers=[(b"content-type", b"application/json")])
    await chunk(send, json.dumps(value).encode(), more=False)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise RuntimeError(f"no {scope['type']}")
    await ROUTES[scope["path"]](scope, receive, send)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await start(
        send,
        201,
        [
            (b"Content-Type", b"text/plain; charset=utf-8"),
            (b"X-Twice", b"one"),
            (b"x-twice", b"two"),
            (b"set-cookie", b"a=1; Path=/"),
            (b"Set-Cookie", b"b=2, or so; HttpOnly"),
            (b"Content-Length", b"5"),
            (b"Connection", b"close"),
            (b"Keep-Alive", b"timeout=5"),
            (b"Transfer-Encoding", b"chunked"),
            (b"Upgrade", b"h2c"),
            (b"Trailer", b"X"),
        ],
    )
    await chunk(send, b"hello", more=False)


async def gated(scope: Scope, receive: Receive, send: Send) -> None:
    """Start, then wait for a file: the prelude must be there before the first chunk is."""
    await start(send, headers=[(b"x-early", b"yes")])
    await until_exists(scope["query_string"].decode())
    await chunk(send, b"late", more=False)


async def gated_start(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait for a file, then start, and leave in NOTES how that went."""
    print("at the gate", flush=True)
    await until_exists(scope["query_string"].decode())
    try:
        await start(send)
    except OSError as error:
        NOTES[:] = [type(error).__name__]
        raise
    await chunk(send, b"started", more=False)


async def until_exists(path: str) -> None:
    """Wait for a file, which is how a test opens a gate in another process."""
    while not os.path.exists(path):  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.005)


async def headers_of(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, headers=[(b"x-long", b"a" * int(scope["query_string"]))])
    await chunk(send, b"fits", more=False)


async def line_break(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, headers=[(b"x-split", b"a\r\nset-cookie: b=1")])
    await chunk(send, b"never", more=False)


async def empty(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, int(scope["query_string"] or b"200"), [(b"x-empty", b"1")])
    await send({"type": "http.response.body"})


async def insists_on_body(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, int(scope["query_string"]))
    await chunk(send, b"no body belongs here")
    await chunk(send, b"nor here", more=False)


async def background(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await chunk(send, b"done", more=False)
    await until_exists(scope["query_string"].decode())
    NOTES.append("background finished")


async def raises_before(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("before the start")


async def exits(scope: Scope, receive: Receive, send: Send) -> None:
    sys.exit(3)


async def raises_between(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await chunk(send, b"so far")
    raise ValueError("in mid-stream")


async def raises_after(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await chunk(send, b"whole", more=False)
    raise ValueError("after the end")


async def no_response(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def no_end(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await chunk(send, b"so far")


async def starts_twice(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await start(send)


async def speaks_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})


async def receives(scope: Scope, receive: Receive, send: Send) -> None:
    first = await receive()
    second = asyncio.ensure_future(receive())
    await asyncio.sleep(0.05)
    blocked = not second.done()
    await start(send)
    await chunk(send, json.dumps([first["body"].decode(), first["more_body"], blocked]).encode(), more=False)
    NOTES.append((await second)["type"])


async def writes_on(scope: Scope, receive: Receive, send: Send) -> None:
    """Write until it cannot, and note how one learns that."""
    NOTES.clear()
    await receive()
    watcher = asyncio.ensure_future(receive())
    await start(send)
    try:
        while True:
            await chunk(send, b"x" * 1000)
            await asyncio.sleep(0.001)
    except OSError as error:
        NOTES.append(f"{isinstance(error, OSError)}: {error}")
    NOTES.append((await asyncio.wait_for(watcher, 5))["type"])


async def raises_when_broken(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    while True:
        await chunk(send, b"x" * 1000)
        await asyncio.sleep(0.001)


async def notes(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, NOTES)


async def stores_at_deadline(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await start(send)
    await chunk(send, b"part ")
    message = await receive()
    left = scope["aws.context"].get_remaining_time_in_millis()
    await chunk(send, f"{message['type']} stored".encode(), more=False)
    NOTES.append(f"{left > 0}")


async def ignores_deadline(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await chunk(send, b"part")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        NOTES.append("cancelled")
        raise


async def never_starts(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(60)


async def never_yields(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    for _ in range(10**9):
        await chunk(send, b"")


async def many(scope: Scope, receive: Receive, send: Send) -> None:
    """`size,count`: so many chunks of so many bytes."""
    size, count = (int(part) for part in scope["query_string"].split(b","))
    await start(send)
    for number in range(count):
        await chunk(send, bytes([65 + number % 26]) * size)
    await chunk(send, b"", more=False)


async def empty_chunks(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    for part in (b"", b"a", b"", b"", b"b", b""):
        await chunk(send, part)
    await chunk(send, b"", more=False)


async def counts_tasks(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    made: list[object] = []
    loop = asyncio.get_running_loop()

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=loop, **options)
        made.append(coro)
        return task

    loop.set_task_factory(factory)
    for _ in range(500):
        await chunk(send, b"token ")
    loop.set_task_factory(None)
    await chunk(send, str(len(made)).encode(), more=False)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    await answer(
        send,
        {
            "method": scope["method"],
            "path": scope["path"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "cookies": [value.decode() for name, value in scope["headers"] if name == b"cookie"],
            "body": message["body"].decode("utf-8"),
            "event": scope["aws.event"],
        },
    )


async def context(scope: Scope, receive: Receive, send: Send) -> None:
    lambda_context = scope["aws.context"]
    before = LEFT_BEHIND.get()
    LEFT_BEHIND.set(lambda_context.aws_request_id)
    print(f"printed by {lambda_context.aws_request_id}")
    await answer(
        send,
        {
            "request_id": lambda_context.aws_request_id,
            "arn": lambda_context.invoked_function_arn,
            "function": lambda_context.function_name,
            "memory": lambda_context.memory_limit_in_mb,
            "tenant": lambda_context.tenant_id,
            "custom": lambda_context.client_context and lambda_context.client_context.custom,
            "identity": lambda_context.identity.cognito_identity_id,
            "remaining": lambda_context.get_remaining_time_in_millis(),
            "trace": os.environ.get("_X_AMZN_TRACE_ID"),
            "left_behind": before,
        },
    )


async def meets(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait until so many invocations are inside at once, then tell what of the others leaked in."""
    MEETING.append(scope["aws.context"].aws_request_id)
    LEFT_BEHIND.set(scope["aws.context"].aws_request_id)
    await start(send)
    if len(MEETING) == int(scope["query_string"]):
        ALL_MET.set()
    await ALL_MET.wait()
    await asyncio.sleep(0)
    value = [scope["aws.context"].aws_request_id, LEFT_BEHIND.get(), os.environ.get("_X_AMZN_TRACE_ID")]
    await chunk(send, json.dumps(value).encode(), more=False)


MEETING: list[str] = []
ALL_MET = asyncio.Event()


async def process(scope: Scope, receive: Receive, send: Send) -> None:
    """What the process holds: for what must not grow, and what must not be imported late."""
    with open("/proc/self/status") as status:  # noqa: ASYNC230
        memory = {
            name: value.split()[0] for name, _, value in (line.partition(":") for line in status) if value.strip()
        }
    await answer(
        send,
        {
            "descriptors": len(os.listdir("/proc/self/fd")),
            "resident": int(memory["VmRSS"]) * 1024,
            "peak": int(memory["VmHWM"]) * 1024,
            "tasks": len(asyncio.all_tasks()),
            "modules": sorted(sys.modules),
            "path": sys.path,
            "executable": sys.executable,
            "runtime": sys.modules["lambda_stream"].__file__,
        },
    )


async def garbage(scope: Scope, receive: Receive, send: Send) -> None:
    """What the collector finds since the last time; it looks at no other."""
    gc.disable()
    await answer(send, gc.collect())


async def waits_for_disconnect(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await start(send)
    await chunk(send, b"begun ")
    message = await receive()
    with contextlib.suppress(OSError):
        await chunk(send, message["type"].encode(), more=False)


ROUTES: dict[str, Callable[[Scope, Receive, Send], Awaitable[None]]] = {
    f"/{function.__name__}": function
    for function in (
        hello,
        gated,
        gated_start,
        headers_of,
        line_break,
        empty,
        insists_on_body,
        background,
        raises_before,
        exits,
        raises_between,
        raises_after,
        no_response,
        no_end,
        starts_twice,
        speaks_websocket,
        receives,
        writes_on,
        raises_when_broken,
        notes,
        stores_at_deadline,
        ignores_deadline,
        never_starts,
        never_yields,
        many,
        empty_chunks,
        counts_tasks,
        echo,
        context,
        meets,
        process,
        garbage,
        waits_for_disconnect,
    )
}
