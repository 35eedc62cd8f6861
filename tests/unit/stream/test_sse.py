"""Comments in event streams: between events, however these are cut, and in nothing else."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_stream.sse import COMMENT, EventStreams

EVENTS = b"data: 1\n\ndata: 2\r\n\r\ndata: 3\n\n"
PLAIN = [(b"content-type", b"text/event-stream; charset=utf-8")]


def send_through(pieces: list[bytes], headers: list[tuple[bytes, bytes]], *, heartbeat: float = 0.0) -> list[bytes]:
    """Return the chunks that leave for those that an app sends."""
    sent: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(heartbeat * 5)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            sent.append(message["body"])

    async def receive() -> Any:
        raise AssertionError

    asyncio.run(EventStreams(app, heartbeat, padding=not heartbeat)({"type": "http"}, receive, send))
    return sent


@given(st.lists(st.integers(0, len(EVENTS)), max_size=12))
def test_a_comment_follows_each_piece_that_ends_an_event_and_no_other(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(EVENTS)]
    pieces = [EVENTS[a:b] for a, b in itertools.pairwise(edges)]
    ends = {EVENTS.index(b"data: 2"), EVENTS.index(b"data: 3"), len(EVENTS)}
    expected = []
    for (start, end), piece in zip(itertools.pairwise(edges), pieces, strict=True):
        expected += [piece, COMMENT] if end in ends and end > start else [piece]
    assert send_through(pieces, PLAIN) == [*expected, b""]


def test_an_event_in_pieces_is_followed_by_heartbeats() -> None:
    sent = send_through([b"data: 1\n", b"\n"], PLAIN, heartbeat=0.02)
    assert sent[:2] == [b"data: 1\n", b"\n"]
    assert sent.count(COMMENT) >= 1


def test_no_heartbeat_falls_into_an_event() -> None:
    assert COMMENT not in send_through([b"data: 1\n"], PLAIN, heartbeat=0.02)


@pytest.mark.parametrize("heartbeat", [0.0, 0.02])
def test_a_compressed_stream_is_left_alone(heartbeat: float) -> None:
    headers = [*PLAIN, (b"content-encoding", b"gzip")]
    assert send_through([b"\x1f\x8b\n\n"], headers, heartbeat=heartbeat) == [b"\x1f\x8b\n\n", b""]
