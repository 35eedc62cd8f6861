"""HTTP answers in any pieces and with any framing."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_stream.wire import Answer, Connection, ConnectionBroken


class Wire(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


def receive(pieces: list[bytes], *, then_close: bool = False) -> tuple[Answer, Connection]:
    loop = asyncio.new_event_loop()
    connection = Connection(loop)
    connection.connection_made(Wire())
    answer = connection.exchange(b"GET / HTTP/1.1\r\n\r\n")
    for piece in pieces:
        connection.data_received(piece)
    if then_close:
        connection.connection_lost(None)
    loop.close()
    return answer.result(), connection


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


cuts = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.binary(max_size=300), cuts)
def test_an_answer_with_a_length_is_whole_however_it_is_cut(body: bytes, cuts: list[int]) -> None:
    wire = b"HTTP/1.1 200 OK\r\nX-Name: ab c \r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    answer, connection = receive(split(wire, cuts))
    assert answer == Answer(200, {"x-name": "ab c", "content-length": str(len(body))}, body)
    assert connection.usable


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), cuts, st.booleans())
def test_a_chunked_answer_is_whole_however_it_is_cut(chunks: list[bytes], cuts: list[int], trailer: bool) -> None:
    framed = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    wire = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n"
    wire += b"X-Trailer: 1\r\n\r\n" if trailer else b"\r\n"
    answer, connection = receive(split(wire, cuts))
    assert (answer.status, answer.body) == (202, b"".join(chunks))
    assert connection.usable


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    answer, connection = receive([b"HTTP/1.1 500 No\r\n\r\nab", b"cd"], then_close=True)
    assert (answer.status, answer.body) == (500, b"abcd")
    assert not connection.usable


def test_news_of_an_answer_to_come_are_skipped() -> None:
    answer, _ = receive([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 None\r\n\r\n"])
    assert (answer.status, answer.body) == (204, b"")


def test_a_connection_that_is_to_close_is_not_used_again() -> None:
    _, connection = receive([b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"])
    assert not connection.usable


def test_two_exchanges_share_a_connection() -> None:
    answer, connection = receive([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"])
    loop = asyncio.new_event_loop()
    connection.loop = loop
    second = connection.exchange(b"GET / HTTP/1.1\r\n\r\n")
    connection.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n")
    loop.close()
    assert (answer.body, second.result().body) == (b"a", b"b")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 " + b"a" * (1024 * 1024 + 1),
    ],
)
def test_an_answer_that_is_not_http_closes_the_connection(nonsense: bytes) -> None:
    loop = asyncio.new_event_loop()
    connection = Connection(loop)
    wire = Wire()
    connection.connection_made(wire)
    answer = connection.exchange(b"")
    connection.data_received(nonsense)
    assert wire.aborted
    connection.connection_lost(None)
    assert isinstance(answer.exception(), ConnectionBroken)
    loop.close()


def test_a_connection_that_is_closing_takes_nothing_more() -> None:
    """uvloop raises for a write to a closed transport, some turns before the protocol hears that it is."""
    loop = asyncio.new_event_loop()
    connection = Connection(loop)
    wire = Wire()
    connection.connection_made(wire)
    answer = connection.exchange(b"a")
    wire.abort()
    assert not connection.write(b"b")
    assert wire.written == b"a"
    connection.connection_lost(None)
    assert isinstance(answer.exception(), ConnectionBroken)
    loop.close()
