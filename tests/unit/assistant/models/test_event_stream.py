"""The payloads of a stream, whatever its bytes, its line ends and its heartbeats are."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.models.event_stream import Payloads

pytestmark = pytest.mark.anyio


async def read(*chunks: bytes, media_type: str = "text/event-stream") -> tuple[list[Any], bool]:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    payloads = Payloads(httpx2.Response(200, headers={"content-type": media_type}, content=body()))
    return [payload async for payload in payloads], payloads.done


HEARTBEATS = st.sampled_from(
    [": ping", "data: ping", "data: [PING]", "data:", "id: 7", "retry: 3000", "data: null", "event: ping", "data: []"]
)
SENT: list[Any] = [{"a": "é"}, [{"b": 1}], {"c": None}]


@settings(deadline=None)
@given(
    between=st.lists(HEARTBEATS, max_size=3),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    blank=st.sampled_from(["", " "]),
    mark=st.booleans(),
    cuts=st.sets(st.integers(0, 200), max_size=5),
    end=st.sampled_from(["[DONE]", " [done] ", None]),
    last=st.booleans(),
)
async def test_payloads_come_out_once_and_in_order(
    between: list[str], line_end: str, blank: str, mark: bool, cuts: set[int], end: str | None, last: bool
) -> None:
    events = [f"data:{blank}{json.dumps(payload, ensure_ascii=False)}" for payload in SENT]
    blocks = [block for event in events for block in (*between, event)]
    blocks += [] if end is None else [f"data:{blank}{end}"]
    text = "\n\n".join(blocks) + ("\n\n" if last else "")
    raw = (("\ufeff" if mark else "") + text.replace("\n", line_end)).encode()
    edges = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    pieces = [raw[start:stop] for start, stop in itertools.pairwise(edges)]
    assert await read(*pieces) == (SENT, end is not None)


async def test_an_event_that_the_end_cuts_is_left_out() -> None:
    assert await read(b'data: {"a": 1}\n\ndata: {"b"') == ([{"a": 1}], False)


async def test_an_event_in_the_middle_that_is_no_json_is_an_error() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        await read(b'data: {"a"\n\ndata: {"b": 1}\n\n')


@pytest.mark.parametrize("body", [b'{"a": 1}', b'{"a": 1}\n', b'{"a": 1}\n{"b": 2}\n'])
async def test_lines_of_json_are_payloads(body: bytes) -> None:
    assert (await read(body))[0] == [json.loads(line) for line in body.split(b"\n") if line]


async def test_a_whole_body_of_json_is_a_payload() -> None:
    assert await read(b'{\n "a":', b" 1\n}", media_type="application/json; charset=utf-8") == ([{"a": 1}], True)
