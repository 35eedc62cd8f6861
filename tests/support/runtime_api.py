"""A Lambda Runtime API that records what a runtime sends, and can misbehave: refuse, cut, stall, and go on.

It runs on a loop of its own in a thread, so that tests read as plain statements.
"""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:stream"
TIMEOUT = 20.0
"""Seconds that anything may take before a test fails for it."""


@dataclass(frozen=True)
class Handling:
    """What the API does with a response.

    Attributes:
        refuse: answer with this status before the body has come whole.
        cut: close the connection instead of answering.
        stall: stop reading until the invocation's `go_on` is called.
        after: payload bytes that are read before any of these happens.
        keep_open: after a refusal, read on as if nothing had happened, instead of closing.
        twice: after a refusal and the whole response, say 202 as well.
        unanswered: never answer a report to `/error`.
    """

    refuse: int = 0
    cut: bool = False
    stall: bool = False
    after: int = 0
    keep_open: bool = False
    twice: bool = False
    unanswered: bool = False


@dataclass
class Recorded:
    """One request that a runtime made."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    chunks: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    complete: bool = False
    connection: int = 0

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def prelude(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body.partition(bytes(8))[0])
        return document

    @property
    def status(self) -> int:
        return int(self.prelude["statusCode"])

    @property
    def payload(self) -> bytes:
        return self.body.partition(bytes(8))[2]

    @property
    def json(self) -> Any:
        return json.loads(self.payload)

    def header(self, name: str) -> str | None:
        return {key.lower(): value for key, value in self.headers}.get(name.lower())

    @property
    def error_type(self) -> str | None:
        return dict(self.trailers).get("Lambda-Runtime-Function-Error-Type")

    @property
    def error_body(self) -> Any:
        return json.loads(base64.b64decode(dict(self.trailers)["Lambda-Runtime-Function-Error-Body"]))


@dataclass
class Submitted:
    """An invocation on its way: the event, how its response is handled, what came of it."""

    request_id: str
    headers: dict[str, str]
    event: bytes
    handling: Handling
    chunked: bool
    taken: concurrent.futures.Future[None]
    started: concurrent.futures.Future[Recorded]
    ended: concurrent.futures.Future[Recorded]
    resume: asyncio.Event

    def response(self, timeout: float = TIMEOUT) -> Recorded:
        """Wait until the response, or the error report, has come to its end, however that was."""
        return self.ended.result(timeout)


class RecordingRuntimeApi:
    """The API. Use it as a context manager; `address` is what `AWS_LAMBDA_RUNTIME_API` takes."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.address = ""
        self.next_waiting = 0
        self.restore = threading.Event()
        self.restore_status = 200
        self.next_failures: list[int] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._submitted: dict[str, Submitted] = {}
        self._changed = threading.Condition()
        self._connections = 0

    def __enter__(self) -> RecordingRuntimeApi:
        self._thread.start()
        self._queue: asyncio.Queue[Submitted] = self._call(_make_queue())
        self._listen(0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *exc_info: object) -> None:
        async def stop() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._call(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT)
        self._loop.close()

    def submit(
        self,
        event: object,
        handling: Handling = Handling(),
        *,
        deadline: float = 60.0,
        headers: dict[str, str] | None = None,
        chunked: bool = False,
    ) -> Submitted:
        """Queue an invocation.

        Args:
            event: JSON-serialisable, or bytes to be sent as they are.
            handling: what becomes of its response.
            deadline: seconds until its end.
            headers: more headers for `/next`, or others in place of the usual; an empty one is left out.
            chunked: send the event in chunks, as Go does with large ones.
        """
        request_id = str(uuid.uuid4())
        invocation = Submitted(
            request_id=request_id,
            headers={
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + deadline) * 1000)),
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
                "Lambda-Runtime-Invoked-Function-Arn": ARN,
                "Content-Type": "application/json",
                **(headers or {}),
            },
            event=event if isinstance(event, bytes) else json.dumps(event).encode(),
            handling=handling,
            chunked=chunked,
            taken=concurrent.futures.Future(),
            started=concurrent.futures.Future(),
            ended=concurrent.futures.Future(),
            resume=self._call(_make_event()),
        )
        self._submitted[request_id] = invocation
        self._loop.call_soon_threadsafe(self._queue.put_nowait, invocation)
        return invocation

    def invoke(self, event: object, handling: Handling = Handling(), **options: Any) -> Recorded:
        """Queue an invocation and wait for what comes of it."""
        return self.submit(event, handling, **options).response()

    def go_on(self, invocation: Submitted) -> None:
        """Read a stalled response again."""
        self._loop.call_soon_threadsafe(invocation.resume.set)

    def seen(self, method: str, path_end: str) -> list[Recorded]:
        """Return the finished requests to a path, `/init/error` for instance."""
        return [r for r in self.requests if r.method == method and r.path.endswith(path_end)]

    def wait_for(self, method: str, path_end: str, count: int = 1) -> list[Recorded]:
        """Wait until so many requests to a path have come."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.seen(method, path_end)) >= count, TIMEOUT):
                raise TimeoutError(f"{method} {path_end} came {len(self.seen(method, path_end))} times, not {count}")
        return self.seen(method, path_end)

    def wait_until_polled(self, workers: int = 1) -> None:
        """Wait until so many `/next` are open: the runtime has started, and is idle."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.next_waiting >= workers, TIMEOUT):
                raise TimeoutError(f"{self.next_waiting} workers ask for an invocation, not {workers}")

    @contextlib.contextmanager
    def unreachable(self) -> Iterator[None]:
        """Take no new connection meanwhile; those that are open stay."""
        self._call(self._close())
        yield
        self._listen(int(self.address.rpartition(":")[2]))

    # ---- the server

    def _listen(self, port: int) -> None:
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", port, limit=2**20))

    async def _close(self) -> None:
        # In the loop's thread. The caller waits for it, or a connection could still come in.
        self._server.close()

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(TIMEOUT)

    def _record(self, request: Recorded) -> None:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        connection = self._connections
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.rstrip("\r\n").split("\r\n")
                method, path, _ = first.split(" ")
                headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
                request = Recorded(method, path, headers, connection=connection)
                if not await self._route(request, reader, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def _route(self, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        path = request.path
        if path.endswith("/invocation/next"):
            return await self._next(request, reader, writer)
        if path.endswith("/response"):
            return await self._response(request, self._submitted[path.split("/")[-2]], reader, writer)
        length = int(request.header("content-length") or 0)
        request.chunks.append(await reader.readexactly(length))
        request.complete = True
        self._record(request)
        if path.endswith("/restore/next"):
            await asyncio.to_thread(self.restore.wait, TIMEOUT)
            writer.write(_answer(self.restore_status))
        elif path.endswith("/extension/register"):
            writer.write(_answer(200, b"{}", {"Lambda-Extension-Identifier": str(uuid.uuid4())}))
        elif path.endswith("/extension/event/next"):
            await reader.read()
            return False
        else:
            status = 202
            if "/invocation/" in path:
                invocation = self._submitted[path.split("/")[-2]]
                status = invocation.handling.refuse or 202
                if invocation.handling.unanswered:
                    invocation.started.set_result(request)
                    await reader.read()
                    invocation.ended.set_result(request)
                    return False
            writer.write(_answer(status, b'{"status":"OK"}'))
            if "/invocation/" in path:
                invocation.started.set_result(request)
                invocation.ended.set_result(request)
        return True

    async def _next(self, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if self.next_failures:
            status = self.next_failures.pop(0)
            self._record(request)
            if status:
                writer.write(_answer(status))
            return bool(status)
        self._polling(1)
        gone = asyncio.create_task(reader.read(1))
        work = asyncio.create_task(self._queue.get())
        try:
            await asyncio.wait({gone, work}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                return False
            invocation = work.result()
        finally:
            self._polling(-1)
            work.cancel()
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone
        request.complete = True
        self._record(request)
        headers = {name: value for name, value in invocation.headers.items() if value}
        writer.write(_answer(200, invocation.event, headers, chunked=invocation.chunked))
        invocation.taken.set_result(None)
        return True

    def _polling(self, change: int) -> None:
        with self._changed:
            self.next_waiting += change
            self._changed.notify_all()

    async def _response(
        self, request: Recorded, invocation: Submitted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        invocation.started.set_result(request)
        handling = invocation.handling
        acts = bool(handling.refuse or handling.cut or handling.stall)
        received = 0
        try:
            while True:
                if acts and received >= handling.after:
                    acts = False
                    if handling.stall:
                        await invocation.resume.wait()
                    if handling.refuse:
                        writer.write(_answer(handling.refuse, b'{"errorType":"Refused"}', close=not handling.keep_open))
                        await writer.drain()
                    if handling.cut:
                        writer.transport.abort()
                    if (handling.refuse and not handling.keep_open) or handling.cut:
                        return False
                size = int((await reader.readuntil(b"\r\n")).strip(), 16)
                if size == 0:
                    break
                request.chunks.append(await reader.readexactly(size))
                request.times.append(time.monotonic())
                received += size
                await reader.readexactly(2)
            while (line := (await reader.readuntil(b"\r\n")).strip()) != b"":
                name, _, value = line.decode("latin-1").partition(":")
                request.trailers.append((name, value.strip()))
            request.complete = True
            if not handling.refuse or handling.twice:
                writer.write(_answer(202, b'{"status":"OK"}'))
            return True
        finally:
            self._record(request)
            invocation.ended.set_result(request)


async def _make_queue() -> asyncio.Queue[Submitted]:
    return asyncio.Queue()


async def _make_event() -> asyncio.Event:
    return asyncio.Event()


def _answer(
    status: int,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    close: bool = False,
    chunked: bool = False,
) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    if close:
        lines.append("Connection: close")
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        pieces = [body[i : i + 1000] for i in range(0, len(body), 1000)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
