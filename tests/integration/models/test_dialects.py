"""Streams as providers really send them: heartbeats, missing ends, parts, nulls, refusals, empty answers, used ids."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agents import ModelSettings, function_tool
from agents.models.interface import ModelTracing

from assistant.errors import LengthLimitError, ModelUnavailableError
from assistant.models import build_model
from assistant.models.failures import EmptyAnswerError
from tests.support.model_runs import Run, compatible_settings, helper, openai_settings, run_streamed
from tests.support.provider_formats import completion_of, events_of
from tests.support.provider_server import Answer, HttpError, ProviderServer, RawStream, Reply, Text, ToolCall

pytestmark = pytest.mark.anyio

DONE = "data: [DONE]\n\n"
FINE = Answer(Text("All is well."))
BOTH = pytest.mark.parametrize("settings_for", [openai_settings, compatible_settings], ids=["responses", "chat"])


@function_tool
def add_task(title: str) -> str:
    """Add a task."""
    return f"added {title}"


def data(payload: Any) -> str:
    return f"data: {json.dumps(payload)}\n\n"


def delta(finish_reason: Any = None, **fields: Any) -> str:
    return data({"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]})


def call(arguments: str, call_id: str | None = "add_task:0", index: int | None = 0) -> dict[str, Any]:
    return {"index": index, "id": call_id, "function": {"name": "add_task", "arguments": arguments}}


async def chat(provider: ProviderServer, *replies: Reply | str) -> Run:
    provider.script(*(RawStream(reply) if isinstance(reply, str) else reply for reply in replies))
    return await run_streamed(helper(build_model(compatible_settings(provider.base_url)), add_task), "Hello")


def results(body: dict[str, Any]) -> dict[str, str]:
    """Return each call's arguments with the result that has its id."""
    messages = body["messages"]
    calls = [call for message in messages for call in message.get("tool_calls") or []]
    outputs = {message["tool_call_id"]: message["content"] for message in messages if message["role"] == "tool"}
    assert len({call["id"] for call in calls}) == len(calls) == len(outputs)
    return {call["function"]["arguments"]: outputs[call["id"]] for call in calls}


HELLO = [delta(content="Hel"), delta(content="lo.")]


@pytest.mark.parametrize(
    "stream",
    [
        "id: 7\n" + HELLO[0] + ": ping\n\n" + HELLO[1] + delta("stop") + DONE,
        "retry: 3000\n\n" + "".join(HELLO) + delta("stop") + DONE,
        "data:\n\n" + HELLO[0] + "data: \n\n" + HELLO[1] + delta("stop") + DONE,
        "\ufeff" + "".join(HELLO) + delta("stop") + DONE,
        "".join(HELLO) + DONE,
        "".join(HELLO) + delta("stop"),
        delta("", content="Hel") + delta("", content="lo.") + delta("end_turn") + DONE,
        data({"choices": [{"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}]}),
        "".join(HELLO) + data({"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}),
        data({"choices": [None]}) + delta(content="Hello.", tool_calls=[None]) + data({"choices": None}) + DONE,
        delta(content=7) + delta(content=None) + data(None) + data(7) + "".join(HELLO) + DONE,
        delta(content=[{"type": "text", "text": "Hel"}, None]) + HELLO[1] + DONE,
        data([json.loads(HELLO[0][6:])]) + HELLO[1] + DONE,
        data({"choices": [{"index": 0, "delta": {"content": "Hello."}, "logprobs": 5}], "usage": "none"}) + DONE,
    ],
    ids=[
        "ping after id", "retry", "empty data", "byte order mark", "no finish_reason", "no DONE", "empty finish_reason",
        "message", "message at the end", "null choice and call", "content of another type", "parts", "list", "junk",
    ],
)  # fmt: skip
async def test_a_complete_answer_is_read_at_the_first_attempt(provider: ProviderServer, stream: str) -> None:
    run = await chat(provider, stream)
    assert run.error is None
    assert (run.text, len(provider.requests)) == ("Hello.", 1)


async def test_heartbeats_on_responses_are_skipped(provider: ProviderServer) -> None:

    events = [event for event in events_of(FINE, "m") if isinstance(event, dict)]
    heartbeat = "retry: 3000\n\ndata:\n\n: ping\n\n"
    provider.script(RawStream("id: 7\n" + "".join(heartbeat + data(event) for event in events)))
    run = await run_streamed(helper(build_model(openai_settings(provider.base_url))), "Hello")
    assert run.error is None
    assert (run.text, len(provider.requests)) == ("All is well.", 1)


@pytest.mark.parametrize(
    "stream",
    [
        delta("", content=""),
        delta(tool_calls=[call('{"title": "br')]),
        data({"choices": [{"index": 0, "delta": {}, "error": {"code": 502, "message": "bad"}}]}),
        data({"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}),
        data({"error": "overloaded"}),
        data({"object": "error", "message": "overloaded", "code": 500}),
        data({"choices": [None]}) + DONE,
        delta(content=7) + DONE,
    ],
    ids=["cut", "cut in a call", "choice", "finish_reason", "text", "vLLM", "only null", "only a number"],
)
async def test_a_failure_that_shows_nothing_is_retried(provider: ProviderServer, stream: str) -> None:
    run = await chat(provider, stream, FINE)
    assert run.error is None
    assert (run.text, len(provider.requests)) == ("All is well.", 2)


@pytest.mark.parametrize("reason", ["", None], ids=["empty", "null"])
async def test_a_closed_connection_without_an_end_is_a_cut(provider: ProviderServer, reason: str | None) -> None:
    run = await chat(provider, delta(reason, content="Half"))
    assert isinstance(run.error, ModelUnavailableError)
    assert run.text == "Half"


async def test_calls_run_without_a_finish_reason(provider: ProviderServer) -> None:
    run = await chat(provider, delta(tool_calls=[call('{"title": "eggs"}')]) + DONE, FINE)
    assert run.error is None
    assert results(provider.bodies[1]) == {'{"title": "eggs"}': "added eggs"}


@pytest.mark.parametrize("index", [0, 1, None])
async def test_two_parallel_calls_with_one_id_are_two_calls(provider: ProviderServer, index: int | None) -> None:
    second = call('{"title": "eggs"}', index=index)
    await chat(provider, delta(tool_calls=[call('{"title": "bread"}')]) + delta(tool_calls=[second]) + DONE, FINE)
    assert results(provider.bodies[1]) == {'{"title": "bread"}': "added bread", '{"title": "eggs"}': "added eggs"}


@BOTH
async def test_two_rounds_with_one_id_are_two_calls(provider: ProviderServer, settings_for: Any) -> None:
    again = Answer(ToolCall("add_task", {"title": "bread"}, call_id="add_task:0"))
    provider.script(again, again, FINE)
    run = await run_streamed(helper(build_model(settings_for(provider.base_url)), add_task), "Hello")
    assert run.error is None
    calls = [item for item in run.items if item.get("type") == "function_call"]
    outputs = [item for item in run.items if item.get("type") == "function_call_output"]
    assert [item["call_id"] for item in calls] == [item["call_id"] for item in outputs]
    assert len({item["call_id"] for item in calls}) == 2
    assert all(item["call_id"] != "add_task:0" for item in calls)


async def test_two_parallel_calls_with_one_id_on_responses_are_two_calls(provider: ProviderServer) -> None:
    calls = [ToolCall("add_task", {"title": title}, call_id="same") for title in ("bread", "eggs")]
    provider.script(Answer(*calls), FINE)
    run = await run_streamed(helper(build_model(openai_settings(provider.base_url)), add_task), "Hello")
    assert run.error is None
    sent = provider.bodies[1]["input"]
    ids = {item["call_id"]: item["arguments"] for item in sent if item.get("type") == "function_call"}
    outputs = {item["call_id"]: item["output"] for item in sent if item.get("type") == "function_call_output"}
    assert [(ids[each], outputs[each]) for each in ids] == [
        ('{"title": "bread"}', "added bread"),
        ('{"title": "eggs"}', "added eggs"),
    ]


@BOTH
async def test_an_answer_that_reaches_the_length_limit_is_said_to_be_incomplete(
    provider: ProviderServer, settings_for: Any
) -> None:
    provider.script(Answer(Text("Half of"), finish_reason="length"))
    run = await run_streamed(helper(build_model(settings_for(provider.base_url))), "Hello")
    assert run.text == "Half of"
    assert isinstance(run.error, LengthLimitError)


async def test_a_call_that_reaches_the_length_limit_is_not_run(provider: ProviderServer) -> None:
    run = await chat(provider, delta(tool_calls=[call('{"title": "buy mi')]) + delta("length") + DONE)
    assert isinstance(run.error, LengthLimitError)
    assert run.items == []


async def test_reasoning_in_parts_is_shown_as_reasoning(provider: ProviderServer) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
    run = await chat(
        provider, delta(content=[thinking]) + delta(content=[{"type": "text", "text": "Answer"}]) + delta("stop") + DONE
    )
    assert run.text == "Answer"
    assert "response.reasoning_summary_text.delta" in run.events


async def test_a_refusal_is_an_answer_on_chat_completions(provider: ProviderServer) -> None:
    run = await chat(provider, delta(refusal="I will not.") + delta("stop") + DONE)
    assert run.error is None
    assert (run.text, run.output) == ("I will not.", "I will not.")


async def test_a_refusal_is_an_answer_on_responses(provider: ProviderServer) -> None:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    refusal = {"type": "refusal", "refusal": "I will not."}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    whole = {"id": "r", "object": "response", "status": "completed", "output": [{**message, "content": [refusal]}]}
    events: list[dict[str, Any]] = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**message, "content": []}},
        {"type": "response.content_part.added", **place, "part": {"type": "refusal", "refusal": ""}},
        {"type": "response.refusal.delta", **place, "delta": "I will not."},
        {"type": "response.refusal.done", **place, "refusal": "I will not."},
        {"type": "response.content_part.done", **place, "part": refusal},
        {"type": "response.output_item.done", "output_index": 0, "item": {**message, "content": [refusal]}},
        {"type": "response.completed", "response": whole},
    ]
    provider.script(RawStream("".join(data({**event, "sequence_number": 0}) for event in events)))
    run = await run_streamed(helper(build_model(openai_settings(provider.base_url))), "Hello")
    assert run.error is None
    assert (run.text, run.output) == ("I will not.", "I will not.")


EMPTY = [Answer(Text("")), RawStream(delta(content="") + delta("stop") + DONE), RawStream(delta("stop", content=None))]


@pytest.mark.parametrize("empty", EMPTY, ids=["text", "empty", "null"])
async def test_an_empty_answer_is_asked_for_once_more_and_then_said(provider: ProviderServer, empty: Reply) -> None:
    run = await chat(provider, empty, FINE)
    assert (run.error, run.text) == (None, "All is well.")
    run = await chat(provider, empty, empty)
    assert isinstance(run.error, EmptyAnswerError)
    assert len(provider.requests) == 4


@BOTH
async def test_an_empty_answer_after_a_tools_result_reaches_the_fallback(
    provider: ProviderServer, other_provider: ProviderServer, settings_for: Any
) -> None:
    provider.script(Answer(ToolCall("add_task", {"title": "bread"})), Answer(Text("")), Answer(Text("")))
    other_provider.script(FINE)
    if settings_for is openai_settings:
        settings = openai_settings(
            provider.base_url, llm_fallback="compatible", llm_base_url=other_provider.base_url, llm_default_model="m"
        )
    else:
        settings = compatible_settings(provider.base_url, llm_fallback="demo")
    run = await run_streamed(helper(build_model(settings), add_task), "Hello")
    assert run.error is None
    assert run.text
    assert len(provider.requests) == 3


async def test_a_response_whose_items_were_not_streamed_is_shown(provider: ProviderServer) -> None:
    events = [event for event in events_of(FINE, "m") if isinstance(event, dict)]
    provider.script(RawStream("".join(map(data, [events[0], events[-1]]))))
    run = await run_streamed(helper(build_model(openai_settings(provider.base_url))), "Hello")
    assert run.error is None
    assert (run.text, len(provider.requests)) == ("All is well.", 1)


@pytest.mark.parametrize("kind", [[], None, "text"])
async def test_a_text_part_of_an_unknown_kind_is_text(provider: ProviderServer, kind: Any) -> None:
    events = [json.loads(json.dumps(event)) for event in events_of(FINE, "m") if isinstance(event, dict)]
    (begun,) = [event for event in events if event["type"] == "response.content_part.added"]
    begun["part"] |= {"type": kind, "annotations": [7]}
    provider.script(RawStream("".join(map(data, events))))
    settings = openai_settings(provider.base_url)
    parts = [
        event.part
        async for event in build_model(settings).stream_response(
            None, "Hello", ModelSettings(), [], None, [], ModelTracing.DISABLED
        )
        if event.type == "response.content_part.added"
    ]
    assert [part.model_dump(include={"type", "annotations"}) for part in parts] == [
        {"type": "output_text", "annotations": []}
    ]


async def test_a_whole_completion_in_place_of_a_stream_is_read(provider: ProviderServer) -> None:

    provider.script(HttpError(200, body=completion_of(FINE, "m")))
    run = await chat(provider)
    assert (run.error, run.text) == (None, "All is well.")
