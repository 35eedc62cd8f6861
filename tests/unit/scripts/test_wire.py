"""The raw answers that `make smoke` reads: their framing and their end."""

from __future__ import annotations

import asyncio

import pytest

from scripts.wire import RawAnswer, read_raw

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"


def _read(answer: bytes) -> RawAnswer:
    """Read what a server sends that closes the connection after it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def run() -> RawAnswer:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await read_raw(f"http://127.0.0.1:{port}/chatkit/api", {}, {"authorization": "Bearer x"})

    return asyncio.run(run())


def test_a_whole_answer_has_ended_and_names_its_trailers() -> None:
    answer = _read(CHUNKED + b"0\r\nLambda-Runtime-Function-Error-Type: Function.X\r\n\r\n")
    assert answer == RawAnswer(200, "chunked", 1, True, ("lambda-runtime-function-error-type",))
    assert _read(CHUNKED + b"0\r\n\r\n").trailers == ()


@pytest.mark.parametrize("rest", [b"", b"5\r\nhel"])
def test_an_answer_that_is_cut_off_has_not_ended(rest: bytes) -> None:
    assert not _read(CHUNKED + rest).ended


def test_other_framings_are_told_apart() -> None:
    assert _read(b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\n{}").framing == "content-length"
    assert _read(b"HTTP/1.1 200 OK\r\n\r\nhello") == RawAnswer(200, "close", 1, True, ())
