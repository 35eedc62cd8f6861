"""What a served process talks to: a provider that says a word each 100 ms, and a table, on the driver's event loop.

Without a framework, so that they take little of the CPU that the measured process needs.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable

from benchmarks.answering_table import CALL_SECONDS, AnsweringTable
from tests.support.provider_formats import Answer, Text, events_of

PACE_SECONDS = 0.1
# As wide as a time stamp, which takes its place.
_BLANK = "0000000.000"
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: bench\r\ntransfer-encoding: chunked\r\n\r\n"
)


class Requests(asyncio.Protocol, ABC):
    """A connection whose requests have a length."""

    def __init__(self) -> None:
        self._buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, body = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        fields = dict(line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:])
        length = int(fields.get(b"content-length", b"0"))
        if len(body) >= length:
            self._buffer = body[length:]
            self.answer(head, body[:length])

    @abstractmethod
    def answer(self, head: bytes, body: bytes) -> None:
        """Answer a request."""


class Provider(Requests):
    """A model's connection. Each word is the time at which it is sent.

    Args:
        words: How many words an answer has.
    """

    def __init__(self, words: int) -> None:
        super().__init__()
        self._before, self._deltas, self._after = _frames(words)
        self._loop = asyncio.get_running_loop()

    def answer(self, head: bytes, body: bytes) -> None:
        self.transport.write(_STREAM_HEAD + self._before)
        self._say(self._loop.time(), 0)

    def _say(self, began: float, number: int) -> None:
        if self.transport.is_closing():
            return
        if number == len(self._deltas):
            self.transport.write(self._after + b"0\r\n\r\n")
            return
        stamp = b"%011.3f" % self._loop.time()
        self.transport.write(self._deltas[number].replace(_BLANK.encode(), stamp))
        # By the clock, so that an answer is as long on a busy machine.
        self._loop.call_at(began + (number + 1) * PACE_SECONDS, self._say, began, number + 1)


def _frames(words: int) -> tuple[bytes, list[bytes], bytes]:
    """Return the chunks before the words of an answer, those of the words, and those after them."""
    kinds: dict[bool, list[bytes]] = {False: [], True: []}
    before = b""
    for event in events_of(Answer(Text(" ".join([_BLANK] * words))), "bench"):
        assert isinstance(event, dict)
        is_word = event["type"] == "response.output_text.delta"
        if is_word and not kinds[True]:
            before, kinds[False] = b"".join(kinds[False]), []
        frame = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
        kinds[is_word].append(b"%x\r\n%b\r\n" % (len(frame), frame))
    return before, kinds[True], b"".join(kinds[False])


class Table(Requests):
    """A connection to the table."""

    def __init__(self, table: AnsweringTable) -> None:
        super().__init__()
        self._table = table

    def answer(self, head: bytes, body: bytes) -> None:
        target = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"x-amz-target"))
        content = self._table.answer(target.rpartition(b".")[2].decode(), body)
        answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n%b"
        asyncio.get_running_loop().call_later(CALL_SECONDS, self._write, answer % (len(content), content))

    def _write(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)


async def listen(connection: Callable[[], asyncio.Protocol]) -> int:
    """Listen on a free port, which is returned, until the loop ends."""
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0, backlog=1_000)
    port: int = server.sockets[0].getsockname()[1]
    return port
