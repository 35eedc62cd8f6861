"""The clients of a served process: of uvicorn over HTTP, and the Runtime API of the streaming runtime."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.events import event

_WORD = re.compile(rb'"delta":" ?([0-9.]{11})"')
# Longer than an event with a word. What comes in may end in the middle of one.
_LONGEST = 400
_CPU_CLOCK = 2


@dataclass(eq=False)
class Turn:
    """A turn, as its client reads it.

    Attributes:
        sent: When its request was sent.
        words: When each word came, and how late.
        first: When its first event came.
        failed: Whether it was refused or ended with an error.
        ended: Its end.
    """

    sent: float
    words: list[tuple[float, float]] = field(default_factory=list)
    first: float | None = None
    failed: bool = False
    ended: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _left: bytes = b""

    def feed(self, data: bytes, now: float) -> None:
        """Read what came in."""
        self._left += data
        if self.first is None and b"data: " in self._left:
            self.first = now
        read = 0
        for word in _WORD.finditer(self._left):
            self.words.append((now, now - float(word[1])))
            read = word.end()
        self.failed = self.failed or b'"type":"error"' in self._left
        whole = self._left.endswith(b"\r\n\r\n") and b"\r\n0\r\n" in self._left
        self._left = self._left[max(read, len(self._left) - _LONGEST) :]
        if whole and not self.ended.done():
            self.failed = self.failed or not self.words
            self.ended.set_result(None)


class Served(ABC):
    """A process that serves turns.

    Attributes:
        process: The process.
    """

    process: subprocess.Popen[bytes]

    @abstractmethod
    async def run(self, turn: Turn) -> None:
        """Run a turn to its end."""

    def cpu(self) -> float:
        """Return the seconds of CPU that the process has used, with all its threads."""
        return time.clock_gettime((~self.process.pid << 3) | _CPU_CLOCK)

    def peak_mb(self) -> float:
        """Return the process's most memory so far."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


# --- uvicorn


class _Request(asyncio.Protocol):
    """One request of a client over HTTP."""

    def __init__(self, content: bytes, turn: Turn) -> None:
        self._content = content
        self._turn = turn
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._content)

    def data_received(self, data: bytes) -> None:
        self._turn.feed(data, self._loop.time())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._turn.ended.done():
            self._turn.failed = True
            self._turn.ended.set_result(None)


class Uvicorn(Served):
    """uvicorn with an app, in a container for instance."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self._port = port
        body = event("stream/threads.create")["body"].encode()
        self._content = (
            b"POST /chatkit/api HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body)
        )

    async def run(self, turn: Turn) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: _Request(self._content, turn), "127.0.0.1", self._port)
        await turn.ended
        transport.close()


# --- The streaming runtime


class Poll(asyncio.Protocol):
    """A connection of the runtime to its Runtime API: it polls, gets an event, and answers it."""

    def __init__(self, idle: asyncio.Queue[Poll]) -> None:
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._head = b""
        self._turn: Turn | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def begin(self, content: bytes, turn: Turn) -> None:
        """Answer the poll with an event."""
        self._turn = turn
        self._transport.write(content)

    def data_received(self, data: bytes) -> None:
        if self._turn is not None:
            if self._turn.ended.cancelled():
                # The step is over.
                return
            self._turn.feed(data, self._loop.time())
            if self._turn.ended.done():
                self._turn = None
                self._transport.write(b'HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n')
            return
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            assert b"invocation/next" in self._head, self._head
            self._head = b""
            self._idle.put_nowait(self)


class Runtime(Served):
    """The streaming runtime, with as many invocations at once as `AWS_LAMBDA_MAX_CONCURRENCY` says."""

    def __init__(self, process: subprocess.Popen[bytes], idle: asyncio.Queue[Poll]) -> None:
        self.process = process
        self._idle = idle
        self._event = json.dumps(event("stream/threads.create")).encode()
        self._count = 0

    async def run(self, turn: Turn) -> None:
        poll = await self._idle.get()
        self._count += 1
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-%012d\r\n"
            b"Lambda-Runtime-Deadline-Ms: %d\r\n"
            b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:bench\r\n"
            b"Content-Length: %d\r\n\r\n" % (self._count, int((time.time() + 60) * 1000), len(self._event))
        )
        poll.begin(head + self._event, turn)
        await turn.ended
