"""Whatever a server sends, the events of the Responses API come out whole and in order, and no text is lost."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.models.response_events import EventReader
from assistant.models.whole import whole_response
from assistant.nesting import MAX_NESTING, is_deep, is_deep_text
from tests.support.odd_streams import events
from tests.support.provider_formats import Json, response_of
from tests.support.provider_server import Answer, Reasoning, Text, ToolCall

PARTS = (Reasoning("Hm."), Text("I add. 😀"), ToolCall("add", {"left": 1}), Text("Wait."))
# What a stream can lose without losing content: another event has the same.
SPARE = [
    "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
    "response.output_text.done", "response.content_part.done", "response.function_call_arguments.done",
]  # fmt: skip


def read(payloads: list[Any]) -> list[Json]:
    reader = EventReader()
    return [event for payload in payloads for event in reader.read(payload)]


def check(read_events: list[Json], *, in_order: bool = True) -> list[tuple[str, str]]:
    """Check that the events fit each other, and return the items of the answer: type, and text or arguments.

    Args:
        read_events: The events.
        in_order: Whether the server sent the deltas in order. If not, its last form of a text counts.
    """
    started: dict[int, Json] = {}
    ended: dict[int, Json] = {}
    texts: dict[tuple[int, int], str] = {}
    for event in read_events:
        place = event.get("output_index", -1)
        match event["type"]:
            case "response.output_item.added":
                assert place == len(started)
                started[place] = event["item"]
            case "response.output_item.done":
                assert place in started
                assert place not in ended
                ended[place] = event["item"]
            case "response.content_part.added":
                assert (place, event["content_index"]) not in texts
                texts[place, event["content_index"]] = ""
            case "response.output_text.delta":
                assert place not in ended
                assert event["item_id"] == started[place]["id"]
                texts[place, event["content_index"]] += event["delta"]
            case _:
                pass
    for (place, index), text in texts.items() if in_order else ():
        assert ended[place]["content"][index]["text"] == text
    last = read_events[-1]
    assert last["type"] == "response.completed"
    assert last["response"]["output"] == [ended[place] for place in sorted(ended)]
    assert set(started) == set(ended)
    return [(item["type"], text_of(item)) for item in last["response"]["output"]]


def text_of(item: Json) -> str:
    parts = item.get("content") or item.get("summary") or ()
    return item.get("arguments") or "".join(part["text"] for part in parts)


WHOLE = [("reasoning", "Hm."), ("message", "I add. 😀"), ("function_call", '{"left": 1}'), ("message", "Wait.")]


def test_a_stream_of_openais_own_comes_out_whole() -> None:
    assert check(read(events(*PARTS))) == WHOLE


@settings(deadline=None)
@given(
    dropped=st.sets(st.sampled_from(SPARE)),
    doubled=st.sets(st.integers(0, 40)),
    end=st.sampled_from(["whole", [], None, "none"]),
    nulls=st.sets(st.sampled_from(["output_index", "item_id"]), max_size=1),
)
def test_a_stream_that_lacks_what_it_can_spare_comes_out_whole(
    dropped: set[str], doubled: set[int], end: Any, nulls: set[str]
) -> None:
    sent: list[Json] = []
    for number, event in enumerate(events(*PARTS)):
        if event["type"] in dropped:
            continue
        event |= dict.fromkeys(nulls & event.keys())
        sent += [event] * (2 if number in doubled and "delta" not in event["type"] else 1)
    if end != "whole":
        sent[-1]["response"] |= {"output": end}
    if end == "none":
        sent[-1]["response"] = None
    found = check(read(sent))
    assert sorted(found) == sorted(WHOLE)


JUNK = st.sampled_from([None, 7, "", [], {}, [None], True, -1, {"type": None}])


@st.composite
def damaged(draw: st.DrawFn) -> list[Any]:
    """Return a stream with values of other types anywhere, and its events in another order."""
    sent: list[Any] = events(*PARTS)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(sent) - 1))
        sent[at] = draw(JUNK) if draw(st.integers(0, 4)) == 0 else damage(draw, copy.deepcopy(sent[at]))
    order = draw(st.sampled_from(["as it is", "shuffled", "reversed"]))
    return draw(st.permutations(sent)) if order == "shuffled" else sent[::-1] if order == "reversed" else sent


def damage(draw: st.DrawFn, node: Any) -> Any:
    if isinstance(node, dict) and node and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(node)))
        return {**node, key: damage(draw, node[key])}
    if isinstance(node, list) and node and draw(st.integers(0, 5)):
        at = draw(st.integers(0, len(node) - 1))
        return [*node[:at], damage(draw, node[at]), *node[at + 1 :]]
    return draw(JUNK)


@settings(deadline=None)
@given(sent=damaged())
def test_a_damaged_stream_comes_out_in_order(sent: list[Any]) -> None:
    reader = EventReader()
    found = [event for payload in sent for event in reader.read(payload)]
    found += reader.complete()
    if found[-1]["type"] == "response.completed":
        check(found, in_order=False)


def test_half_a_character_waits_for_its_second_half() -> None:
    sent = [
        {"type": "response.output_text.delta", "output_index": 0, "delta": delta} for delta in ("a\ud83d", "\ude00b")
    ]
    assert check(read([*sent, {"type": "response.completed"}])) == [("message", "a😀b")]


def test_a_whole_response_at_the_length_limit_keeps_its_text_and_loses_its_calls() -> None:
    whole = response_of(Answer(Text("Half of"), ToolCall("add", raw='{"left"')), "m")
    cut = whole_response({**whole, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}})
    assert cut["status"] == "completed"
    assert [(item["type"], text_of(item)) for item in cut["output"]] == [("message", "Half of")]


def test_a_whole_response_at_the_length_limit_without_text_stays_incomplete() -> None:
    whole = response_of(Answer(ToolCall("add", raw='{"left"')), "m")
    given = {**whole, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert whole_response(given)["status"] == "incomplete"


def test_nesting_is_measured_outside_of_texts() -> None:
    assert not is_deep_text('{"a": "' + "[" * 1_000 + '"}')
    assert not is_deep_text("[]" * 1_000)
    assert is_deep_text("[" * (MAX_NESTING + 1))
    assert not is_deep_text("[" * MAX_NESTING)
    deep: Any = []
    for _ in range(MAX_NESTING + 1):
        deep = [{"x": deep}]
    assert is_deep(deep)
    assert not is_deep({"a": [[[]], 1, "x"]})
