"""Odd streams and answers of providers, as whole turns over HTTP: no text is lost, and every turn ends plainly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.chatkit_client import ChatKitClient
from tests.support.odd_streams import DONE, chunk, errors, message_chunk, results, says, sse, stream, unfinished
from tests.support.provider_server import Answer, ProviderServer, RawStream, Reasoning, Text, ToolCall

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("api", ["responses", "chat"])
OpenThread = Callable[..., ChatKitClient]
FINE = Answer(Text("Done."))
ADDED = Answer(ToolCall("add", {"left": 1, "right": 2}))


# The plain call


@BOTH
@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "chat"])
async def test_the_plain_call_keeps_the_text_before_the_length_limit(
    adding_thread: OpenThread, provider: ProviderServer, api: str, streaming: bool
) -> None:
    thread = adding_thread(api, streaming=streaming)
    provider.script(Answer(Text("Half of"), finish_reason="length"))
    response = await thread.http.post("/chatkit/api", json={"message": {"content": "Tell me all"}})
    assert response.status_code == 200
    assert "Half of" in response.text
    assert "This answer is incomplete because it reached the length limit." in response.text
    if not streaming:
        assert response.json()["content"] == "Half of"
        assert response.json()["incomplete"] == "This answer is incomplete because it reached the length limit."


@BOTH
async def test_the_plain_calls_error_has_the_text_before_it(
    adding_thread: OpenThread, provider: ProviderServer, api: str
) -> None:
    thread = adding_thread(api, streaming=False)
    provider.script(Answer(Text("Half of"), ends=False))
    response = await thread.http.post("/chatkit/api", json={"message": {"content": "Tell me all"}})
    assert response.status_code == 503
    assert response.json()["content"] == "Half of"


@BOTH
async def test_a_plain_call_without_text_at_the_length_limit_is_an_error(
    adding_thread: OpenThread, provider: ProviderServer, api: str
) -> None:
    thread = adding_thread(api, streaming=False)
    provider.script(Answer(ToolCall("add", raw='{"left": 1'), finish_reason="length"))
    response = await thread.http.post("/chatkit/api", json={"message": {"content": "1 + 2?"}})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "length_limit")


@BOTH
async def test_the_next_turn_knows_which_call_the_length_limit_cut(
    adding_thread: OpenThread, provider: ProviderServer, api: str
) -> None:
    thread = adding_thread(api)
    provider.script(Answer(Text("I add."), ToolCall("add", raw='{"left": 1'), finish_reason="length"), FINE)
    assert await thread.say("1 + 2?") == "I add."
    marks = [item["task"]["title"] for item in thread.done() if item["type"] == "task"]
    assert marks == ["This answer is incomplete because it reached the length limit."]
    await thread.say("Go on")
    assert "A call of a tool that was not complete did not run." in json.dumps(provider.bodies[-1])
    assert len(provider.requests) == 2


# Reasoning and no answer


def thought(api: str, thought: str, text: str = "", *, ends: bool = True) -> Answer | str:
    """Return an answer with reasoning, and a text if there is one."""
    if api == "responses":
        return Answer(Reasoning(thought), *([Text(text)] if text else []), ends=ends)
    chunks = [chunk(reasoning_content=thought), *([chunk(content=text)] if text else [])]
    return sse(*chunks, chunk("stop")) + DONE if ends else sse(*chunks)


@BOTH
async def test_reasoning_without_an_answer_is_asked_for_once_more(
    adding_thread: OpenThread, provider: ProviderServer, api: str
) -> None:
    thread = adding_thread(api)
    assert await says(thread, provider, thought(api, "Hm."), thought(api, "Well.", "Three.")) == "Three."
    assert len(provider.requests) == 2
    (workflow,) = [item["workflow"] for item in thread.done() if item["type"] == "workflow"]
    assert "\n\n".join(task["content"] for task in workflow["tasks"]) == "Hm.\n\nWell."


@BOTH
async def test_two_answers_of_reasoning_alone_are_said(
    adding_thread: OpenThread, provider: ProviderServer, api: str
) -> None:
    thread = adding_thread(api)
    assert await says(thread, provider, thought(api, "Hm."), thought(api, "Well.")) == ""
    assert errors(thread) == ["The model gave no answer. Please try again or rephrase your message."]
    assert len(provider.requests) == 2


@BOTH
@pytest.mark.parametrize("ends", [True, False], ids=["no answer", "cut"])
async def test_reasoning_without_an_answer_reaches_the_fallback(
    adding_thread: OpenThread, provider: ProviderServer, other_provider: ProviderServer, api: str, ends: bool
) -> None:
    fallback = {"LLM_FALLBACK": "compatible", "LLM_BASE_URL": other_provider.base_url, "LLM_DEFAULT_MODEL": "m"}
    thread = adding_thread(api, **fallback)
    reply = thought(api, "Hm.", ends=ends)
    provider.script(*[RawStream(reply) if isinstance(reply, str) else reply] * 3)
    other_provider.script(Answer(Text("Three.")))
    assert await thread.say("1 + 2?") == "Three."
    assert errors(thread) == []
    assert unfinished(thread) == set()


# `message` in place of `delta`

HELLO = [
    [message_chunk(content=text) for text in ("Hel", "lo ", "you.")],
    [message_chunk(content=text) for text in ("Hel", "Hello ", "Hello you.")],
    [chunk(content="Hello "), chunk(content="you."), message_chunk("stop", content="Hello you.")],
    [chunk(content=" Hello "), chunk(content="you."), message_chunk("stop", content="Hello you.")],
    [chunk(content="Hello "), message_chunk("stop", content="Hello you.")],
]


@pytest.mark.parametrize("chunks", HELLO, ids=["pieces", "so far", "whole at the end", "trimmed", "longer at the end"])
async def test_a_message_in_place_of_a_delta_is_read(
    adding_thread: OpenThread, provider: ProviderServer, chunks: list[Any]
) -> None:
    said = await says(adding_thread("chat"), provider, sse(*chunks, chunk("stop")) + DONE)
    assert said.strip() == "Hello you."
    assert len(provider.requests) == 1


def call(left: int, call_id: str | None) -> dict[str, Any]:
    return {"id": call_id, "function": {"name": "add", "arguments": json.dumps({"left": left, "right": 0})}}


@pytest.mark.parametrize(
    "chunks",
    [
        [message_chunk(tool_calls=[call(1, "a")]), message_chunk(tool_calls=[call(2, "b")])],
        [message_chunk(tool_calls=[call(1, None)]), message_chunk(tool_calls=[call(2, None)])],
        [message_chunk(tool_calls=[call(1, "a")]), message_chunk(tool_calls=[call(1, "a"), call(2, "b")])],
        [
            chunk(tool_calls=[{"index": 0, **call(1, "a")}, {"index": 1, **call(2, "b")}]),
            message_chunk("tool_calls", tool_calls=[call(1, "a"), call(2, "b")]),
        ],
    ],
    ids=["one each", "without ids", "so far", "again at the end"],
)
async def test_the_calls_of_messages_in_place_of_deltas_are_made_once(
    adding_thread: OpenThread, provider: ProviderServer, chunks: list[Any]
) -> None:
    assert await says(adding_thread("chat"), provider, sse(*chunks, chunk("tool_calls")) + DONE, FINE) == "Done."
    assert results([request.body for request in provider.requests]) == ["1", "2"]


# The frames of a stream

HEARTBEATS = ["ping", "[PING]", ":keepalive", "null", '"ping"', "[]", "7", ""]


@BOTH
@pytest.mark.parametrize("heartbeat", HEARTBEATS)
async def test_a_heartbeat_of_any_text_is_skipped(
    adding_thread: OpenThread, provider: ProviderServer, api: str, heartbeat: str
) -> None:
    between = f"data: {heartbeat}\n\n: ping\n\n\ufeff"
    text = stream(api, Text("Three and more.")).replace("data: {", f"{between}data: {{")
    assert await says(adding_thread(api), provider, text) == "Three and more."
    assert len(provider.requests) == 1


@pytest.mark.parametrize("end", ["data:  [DONE] \n\n", "data:[DONE]\n\n", "data: [done]\n\n", "data: [DONE]"])
async def test_the_end_of_a_stream_in_any_form(adding_thread: OpenThread, provider: ProviderServer, end: str) -> None:
    said = await says(adding_thread("chat"), provider, sse(chunk(content="Three.")) + end)
    assert (said, len(provider.requests)) == ("Three.", 1)


@BOTH
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False], ids=["blank line", "no blank line"])
async def test_lines_of_any_kind_and_a_last_event_without_a_blank_line(
    adding_thread: OpenThread, provider: ProviderServer, api: str, line_end: str, last: bool
) -> None:
    text = stream(api, Text("Three.")).removesuffix(DONE)
    text = text if last else text.rstrip("\n")
    said = await says(adding_thread(api), provider, text.replace("\n", line_end))
    assert (said, len(provider.requests)) == ("Three.", 1)


async def test_an_event_that_the_end_of_the_connection_cuts_is_a_cut(
    adding_thread: OpenThread, provider: ProviderServer
) -> None:
    thread = adding_thread("chat")
    assert await says(thread, provider, sse(chunk(content="Thr")) + sse(chunk("stop"))[:30]) == "Thr"
    assert errors(thread) == ["The model's answer was cut off. Please try again."]


# Usage

COUNTS = ["9" * 44, "9" * 5000, "1e400", "-1", "NaN", "2.5", '"a"', "null", "[]", "true"]


@BOTH
@pytest.mark.parametrize("count", COUNTS, ids=lambda count: count[:8])
async def test_a_count_of_tokens_that_is_none_ends_no_turn(
    adding_thread: OpenThread, provider: ProviderServer, api: str, count: str
) -> None:
    text = stream(api, Text("Three."), usage=(11, 5)).replace(": 11,", f": {count},").replace(": 5,", f": {count},")
    if api == "chat" or len(count) < 5000:
        assert await says(adding_thread(api), provider, text) == "Three."


# Arguments

DEEP = [
    "[" * 5_000,
    "[" * 20_000 + "]" * 20_000,
    '{"left":' * 5_000 + "1" + "}" * 5_000,
    '{"left":' * 300 + "1" + "}" * 300,
]


@BOTH
@pytest.mark.parametrize("arguments", [*DEEP, '{"left": ' + "9" * 5_000 + "}"], ids=range(5))
async def test_arguments_that_no_tool_can_read_go_back_as_an_error(
    adding_thread: OpenThread, provider: ProviderServer, api: str, arguments: str
) -> None:
    deep = Answer(ToolCall("add", raw=arguments))
    assert await says(adding_thread(api), provider, ADDED, deep, FINE) == "Done."
    told = results([request.body for request in provider.requests])
    assert (len(told), told[0]) == (2, "3")
    assert "error" in told[1].lower()


@BOTH
@pytest.mark.parametrize(("tool", "told"), [("as_value", "nested too deeply"), ("as_text", "[[[[")])
async def test_a_deep_result_of_a_tool_ends_no_turn(
    adding_thread: OpenThread, provider: ProviderServer, api: str, tool: str, told: str
) -> None:
    thread = adding_thread(api, AGENT_FACTORY="tests.support.deep_agent:build_agent")
    assert await says(thread, provider, Answer(ToolCall(tool)), FINE) == "Done."
    assert errors(thread) == []
    (result,) = results([request.body for request in provider.requests])
    assert told in result
