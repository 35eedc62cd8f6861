"""The way from a process to the local AWS, with what can happen on it: one proxy a process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Trouble = Literal["throttled", "conflict", "broken", "unreached", "unanswered", "cut", "delayed"]

# Longer than a client of AWS waits for an answer.
SILENCE_SECONDS = 3.5
# Operations that meet transactions of others.
_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
_MOST_BYTES = 2**26


@dataclass(frozen=True)
class Weather:
    """What happens to requests.

    Attributes:
        trouble: The kind; `unreached` and `unanswered` are time-outs before and after the request was carried out.
        share: Of the requests that it happens to, between 0 and 1.
        seconds: How long a delayed one waits.
    """

    trouble: Trouble
    share: float
    seconds: float = 0.0


class Link:
    """A proxy in front of the local AWS, for one process.

    Args:
        name: Of the process.
        upstream: The port of the local AWS.
        chance: Decides which requests are met.
        log: Told of each trouble.
    """

    def __init__(self, name: str, upstream: int, chance: random.Random, log: Callable[[str], None]) -> None:
        self.name = name
        self.weather: Weather | None = None
        self.port = 0
        self._upstream = upstream
        self._chance = chance
        self._log = log
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_MOST_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Cut all connections that are open."""
        for writer in list(self._open):
            writer.transport.abort()

    async def stop(self) -> None:
        """Close it."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = _headers(head)
                if "expect" in headers:
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:"))
                body = await _body(reader, headers)
                operation = headers.get("x-amz-target", "").rpartition(".")[2]
                trouble = self._trouble(operation)
                if trouble is not None:
                    self._log(f"{self.name}: {operation or head.split(b' ', 1)[0].decode()} {trouble.trouble}")
                    if trouble.trouble == "delayed":
                        await asyncio.sleep(trouble.seconds)
                    elif trouble.trouble == "cut":
                        return
                    elif trouble.trouble == "unreached":
                        await asyncio.sleep(SILENCE_SECONDS)
                        return
                    elif trouble.trouble != "unanswered":
                        writer.write(_refusal(trouble.trouble, operation))
                        continue
                if upstream is None:
                    upstream = await asyncio.open_connection("127.0.0.1", self._upstream, limit=_MOST_BYTES)
                upstream[1].write(head + body)
                answer, ends = await _answer(upstream[0], head.startswith(b"HEAD "))
                if ends:
                    upstream[1].close()
                    upstream = None
                if trouble is not None and trouble.trouble == "unanswered":
                    await asyncio.sleep(SILENCE_SECONDS)
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._open.discard(writer)
            for each in (writer, *([upstream[1]] if upstream else [])):
                with contextlib.suppress(Exception):
                    each.close()

    def _trouble(self, operation: str) -> Weather | None:
        weather = self.weather
        if weather is None or self._chance.random() >= weather.share:
            return None
        if weather.trouble == "conflict" and operation not in _WRITES:
            return None
        return weather


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """Return a message's body as it stands on the wire."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    body = b""
    while True:
        size = await reader.readuntil(b"\r\n")
        body += size
        if int(size.split(b";")[0], 16) == 0:
            return body + await reader.readuntil(b"\r\n")
        body += await reader.readexactly(int(size.split(b";")[0], 16) + 2)


async def _answer(reader: asyncio.StreamReader, has_no_body: bool) -> tuple[bytes, bool]:
    """Return an answer as it stands on the wire, and whether its connection ends with it."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status >= 200:
            break
    headers = _headers(head)
    ends = headers.get("connection", "").lower() == "close"
    if has_no_body or status in (204, 304):
        return head, ends
    return head + await _body(reader, headers), ends


def _refusal(trouble: Trouble, operation: str) -> bytes:
    """Return what AWS answers."""
    if not operation:
        status, code = (503, "SlowDown") if trouble == "throttled" else (500, "InternalError")
        xml = f"<Error><Code>{code}</Code><Message>injected</Message></Error>"
        return _response(status, "application/xml", xml.encode())
    names = {
        "throttled": "ProvisionedThroughputExceededException",
        "conflict": "TransactionConflictException",
        "broken": "InternalServerError",
    }
    answer: dict[str, object] = {"message": "injected"}
    name = names[trouble]
    if operation == "TransactWriteItems" and trouble != "broken":
        name = "TransactionCanceledException"
        reason = "ThrottlingError" if trouble == "throttled" else "TransactionConflict"
        answer["CancellationReasons"] = [{"Code": reason, "Message": "injected"}]
    answer["__type"] = f"com.amazonaws.dynamodb.v20120810#{name}"
    status = 500 if trouble == "broken" else 400
    return _response(status, "application/x-amz-json-1.0", json.dumps(answer).encode())


def _response(status: int, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} Injected\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
