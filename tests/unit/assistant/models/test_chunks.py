"""Tool calls and text come out complete, once and in order, however a provider splits and writes them."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from assistant.models.chunk_calls import signature_in
from assistant.models.chunks import ChunkReader

Json = dict[str, Any]


def chunk(*entries: Json, finish_reason: str | None = None, **delta: Any) -> Json:
    if entries:
        delta["tool_calls"] = list(entries)
    return {"choices": [{"delta": delta, "index": 0, "finish_reason": finish_reason}]}


def assembled(chunks: list[Json]) -> list[tuple[str, str, str, str | None]]:
    """Mend a stream and put its calls together by index: id, name, arguments, signature."""
    reader = ChunkReader()
    calls: dict[int, dict[str, Any]] = {}
    for each in chunks:
        mended = ChatCompletionChunk.model_validate(read(reader, each))
        for entry in mended.choices[0].delta.tool_calls or []:
            call = calls.setdefault(entry.index, {"id": "", "name": "", "arguments": "", "signature": None})
            call["id"] = entry.id or call["id"]
            if entry.function:
                call["name"] = entry.function.name or call["name"]
                call["arguments"] += entry.function.arguments or ""
            call["signature"] = signature_in(entry.model_dump()) or call["signature"]
    assert list(calls) == list(range(len(calls)))
    return [(call["id"], call["name"], call["arguments"], call["signature"]) for call in calls.values()]


def read(reader: ChunkReader, payload: Json) -> Json:
    (known,) = reader.read(payload)
    return known


NAMES = st.sampled_from(["add", "list_tasks", "get_order"])
ARGUMENTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=8), max_size=3).map(json.dumps)
CALLS = st.lists(st.tuples(NAMES, ARGUMENTS), min_size=1, max_size=4)
STYLES = st.sampled_from(["openai", "no index", "all index zero", "no index, no id"])


@settings(deadline=None)
@given(calls=CALLS, style=STYLES, together=st.booleans(), repeat_id=st.booleans(), data=st.data())
def test_every_call_comes_out_whole_and_in_order(
    calls: list[tuple[str, str]], style: str, together: bool, repeat_id: bool, data: st.DataObject
) -> None:
    entries: list[Json] = []
    for position, (name, arguments) in enumerate(calls):
        at = data.draw(st.integers(0, len(arguments)))
        for number, piece in enumerate((arguments[:at], arguments[at:])):
            entry: Json = {"function": {"arguments": piece}}
            if number == 0:
                entry["function"]["name"] = name
            if style != "no index, no id" and (number == 0 or repeat_id):
                entry["id"] = f"call_{position}"
            if style == "openai":
                entry["index"] = position
            if style == "all index zero":
                entry["index"] = 0
            entries.append(entry)
    chunks = [chunk(*entries)] if together else [chunk(entry) for entry in entries]
    out = assembled([*chunks, chunk(finish_reason="stop")])
    assert [(name, arguments) for _, name, arguments, _ in out] == calls
    assert len({call_id for call_id, *_ in out}) == len(calls)
    assert all(call_id for call_id, *_ in out)


@settings(deadline=None)
@given(calls=CALLS, place=st.sampled_from(["on it", "entry", "delta", "ahead"]))
def test_the_first_of_parallel_calls_gets_the_signature_wherever_it_comes(
    calls: list[tuple[str, str]], place: str
) -> None:
    extra = {"google": {"thought_signature": "signed"}}
    entries: list[Json] = [
        {"id": f"call_{position}", "function": {"name": name, "arguments": arguments}}
        for position, (name, arguments) in enumerate(calls)
    ]
    chunks = [chunk(entry) for entry in entries]
    match place:
        case "on it":
            entries[0]["extra_content"] = extra
        case "entry":
            chunks.append(chunk({"extra_content": extra}))
        case "delta":
            chunks.append(chunk(extra_content=extra))
        case "ahead":
            chunks.insert(0, chunk(extra_content=extra))
    out = assembled(chunks)
    assert [signature for *_, signature in out] == ["signed"] + [None] * (len(calls) - 1)


def test_a_signature_beside_text_is_the_texts_own_and_not_a_later_calls() -> None:
    signed_text = chunk(content="Let me see.", extra_content={"google": {"thought_signature": "text"}})
    out = assembled([signed_text, chunk({"id": "a", "function": {"name": "add", "arguments": "{}"}})])
    assert [call[1:] for call in out] == [("add", "{}", None)]


def test_a_call_keeps_its_own_signature_when_another_came_ahead() -> None:
    own = {"google": {"thought_signature": "own"}}
    ahead = chunk(extra_content={"google": {"thought_signature": "ahead"}})
    out = assembled([ahead, chunk({"id": "a", "function": {"name": "add", "arguments": "{}"}, "extra_content": own})])
    assert [signature for *_, signature in out] == ["own"]


def test_stop_after_a_tool_call_means_tool_calls_and_stop_after_text_means_stop() -> None:
    reader = ChunkReader()
    read(reader, chunk({"id": "a", "function": {"name": "add", "arguments": "{}"}}))
    assert read(reader, chunk(finish_reason="stop"))["choices"][0]["finish_reason"] == "tool_calls"
    assert read(ChunkReader(), chunk(finish_reason="stop"))["choices"][0]["finish_reason"] == "stop"


def test_a_last_chunk_with_usage_alone_stays_as_it_is() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    bodies: list[Json] = [{"choices": []}, {"choices": None}, {}]
    for body in bodies:
        mended = ChatCompletionChunk.model_validate(read(ChunkReader(), {**body, "usage": dict(usage)}))
        assert mended.choices == []
        assert mended.usage is not None
        assert mended.usage.total_tokens == 3


def test_a_chunk_of_openais_own_passes_unchanged() -> None:
    own = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-6-luna",
        "choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": None, "finish_reason": None}],
        "usage": None,
    }
    assert read(ChunkReader(), json.loads(json.dumps(own))) == own


def halved(text: str) -> str:
    """Return a text whose surrogate pairs are two characters, as a chunk that is cut between them holds them."""
    units = text.encode("utf-16-le")
    return "".join(chr(int.from_bytes(units[at : at + 2], "little")) for at in range(0, len(units), 2))


@given(text=st.text(), cuts=st.lists(st.integers(0, 100), max_size=5))
def test_a_character_that_two_chunks_share_is_whole(text: str, cuts: list[int]) -> None:
    units = halved(text)
    edges = [0, *sorted(min(cut, len(units)) for cut in cuts), len(units)]
    reader = ChunkReader()
    pieces = [units[start:end] for start, end in itertools.pairwise(edges)]
    mended = [read(reader, chunk({"index": 0, "function": {"arguments": each}}, content=each)) for each in pieces]
    deltas = [each["choices"][0]["delta"] for each in mended]
    assert "".join(delta.get("content", "") for delta in deltas) == text
    assert "".join(delta["tool_calls"][0]["function"].get("arguments", "") for delta in deltas) == text


@given(st.lists(st.text(st.characters(categories=["Cs", "L"]))))
def test_half_a_character_that_stays_half_becomes_one_that_can_be_stored(pieces: list[str]) -> None:
    reader = ChunkReader()
    for piece in pieces:
        read(reader, chunk(content=piece))["choices"][0]["delta"].get("content", "").encode()
