"""Odd streams of the Responses API, as whole turns over HTTP: what was streamed is kept, whatever else comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.chatkit_client import ChatKitClient
from tests.support.odd_streams import DONE, errors, events, item_events, results, says, sse
from tests.support.provider_formats import Json, response_of
from tests.support.provider_server import Answer, HttpError, ProviderServer, RawStream, Reasoning, Text, ToolCall

pytestmark = pytest.mark.anyio

OpenThread = Callable[..., ChatKitClient]
Change = Callable[[list[Json]], list[Any]]
FINE = Answer(Text("Done."))
PARTS = (Reasoning("Hm."), Text("I add."), ToolCall("add", {"left": 1, "right": 2}))
MESSAGE: Json = {
    "id": "msg_9",
    "type": "message",
    "role": "assistant",
    "content": [None, {"type": "output_text", "text": "Three.", "annotations": None}, 7],
}


def at_end(**response: Any) -> Change:
    return lambda sent: [*sent[:-1], {**sent[-1], "response": {**sent[-1]["response"], **response}}]


def without(*kinds: str) -> Change:
    return lambda sent: [event for event in sent if event["type"] not in kinds]


def every(**fields: Any) -> Change:
    return lambda sent: [{**event, **{name: each for name, each in fields.items() if name in event}} for event in sent]


NULLS: list[Any] = [
    None,
    7,
    [],
    {"type": None},
    {"type": "response.new_thing", "x": 1},
    {"type": "keepalive"},
    {"type": "response.created", "response": None},
    {"type": "response.output_item.added", "output_index": 5, "item": None},
    {"type": "response.output_item.done", "output_index": 5, "item": {"type": "alien", "id": "z"}},
    {"type": "response.output_text.delta", "item_id": None, "output_index": None, "content_index": None, "delta": None},
    {"type": "response.content_part.added", "item_id": "x", "output_index": 0, "content_index": 0, "part": None},
    {"type": "response.web_search_call.searching", "item_id": "none", "output_index": 9},
]

CHANGES: dict[str, Change] = {
    "output is empty": at_end(output=[]),
    "output is null": at_end(output=None),
    "output of nulls": at_end(output=[None, 7, {}]),
    "response is null": lambda sent: [*sent[:-1], {**sent[-1], "response": None}],
    "no response": lambda sent: [*sent[:-1], {"type": "response.completed"}],
    "null indexes": every(output_index=None, content_index=None, summary_index=None),
    "one index for all": every(output_index=0),
    "null ids": every(item_id=None),
    "other ids": every(item_id="other"),
    "no added": without("response.output_item.added", "response.content_part.added"),
    "no done": without("response.output_item.done"),
    "neither": without("response.output_item.added", "response.output_item.done"),
    "no deltas": lambda sent: [event for event in sent if "delta" not in event["type"]],
    "no end of a text": without("response.output_text.done", "response.content_part.done"),
    "only the end": lambda sent: sent[-1:],
    "doubled": lambda sent: [each for event in sent for each in ([event] if "delta" in event["type"] else [event] * 2)],
    "junk in between": lambda sent: [each for event in sent for each in (*NULLS, event)],
    "DONE in place of the end": lambda sent: sent[:-1],
    "no end and no done": lambda sent: without("response.output_item.done")(sent[:-1]),
    "late added": lambda sent: sorted(
        sent, key=lambda event: (event["type"] == "response.completed", event["type"] == "response.output_item.added")
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_what_was_streamed_is_kept(adding_thread: OpenThread, provider: ProviderServer, change: Change) -> None:
    thread = adding_thread("responses")
    assert await says(thread, provider, sse(*change(events(*PARTS))) + DONE, FINE) == "I add.Done."
    assert errors(thread) == []
    assert results([request.body for request in provider.requests]) == ["3"]
    assert len(provider.requests) == 2


async def test_a_stream_without_an_end_is_cut(adding_thread: OpenThread, provider: ProviderServer) -> None:
    thread = adding_thread("responses")
    assert await says(thread, provider, sse(*events(Text("Three."))[:-1])) == "Three."
    assert errors(thread) == ["The model's answer was cut off. Please try again."]


@pytest.mark.parametrize("text", ["json", "line"])
async def test_a_whole_response_in_place_of_a_stream_is_read(
    adding_thread: OpenThread, provider: ProviderServer, text: str
) -> None:
    body = response_of(Answer(*PARTS), "m")
    reply = HttpError(200, body=body) if text == "json" else RawStream(json.dumps(body))
    assert await says(adding_thread("responses"), provider, reply, FINE) == "I add.Done."
    assert results([request.body for request in provider.requests]) == ["3"]


async def test_a_whole_incomplete_response_keeps_its_text(adding_thread: OpenThread, provider: ProviderServer) -> None:
    thread = adding_thread("responses")
    whole = response_of(Answer(Text("Half of"), ToolCall("add", raw='{"left"')), "m")
    cut = {**whole, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert await says(thread, provider, HttpError(200, body=cut)) == "Half of"
    assert errors(thread) == ["This answer is incomplete because it reached the length limit."]


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "code": "server_error", "message": "boom", "param": None},
        {"type": "error", "error": {"type": "server_error", "code": None, "message": "boom"}},
        {"error": {"message": "boom"}},
        {"type": "response.failed", "response": None},
        {"type": "response.failed", "response": {"error": "boom"}},
        {"type": "response.completed", "response": {"status": "failed", "error": {"message": "boom"}}},
    ],
)
async def test_an_error_before_any_output_is_retried(
    adding_thread: OpenThread, provider: ProviderServer, error: Json
) -> None:
    assert await says(adding_thread("responses"), provider, sse(error), FINE) == "Done."
    assert len(provider.requests) == 2


async def test_nulls_in_a_messages_content_are_skipped(adding_thread: OpenThread, provider: ProviderServer) -> None:
    assert await says(adding_thread("responses"), provider, item_events(MESSAGE)) == "Three."


# Items

CALL: Json = {"type": "function_call", "name": "add", "arguments": '{"left": 1, "right": 2}'}


@pytest.mark.parametrize(
    "ids", [{}, {"id": "", "call_id": ""}, {"id": None, "call_id": None}, {"id": 7, "call_id": [1]}]
)
async def test_a_call_without_ids_is_made(adding_thread: OpenThread, provider: ProviderServer, ids: Json) -> None:
    twice = item_events({**CALL, **ids}, {**CALL, **ids, "arguments": '{"left": 3, "right": 4}'})
    assert await says(adding_thread("responses"), provider, twice, FINE) == "Done."
    assert results([request.body for request in provider.requests]) == ["3", "7"]


WHOLE: Json = {"call_id": "q", "status": "completed"}
FOREIGN: list[Json] = [
    {**WHOLE, "type": "computer_call", "action": {"type": "screenshot"}, "pending_safety_checks": []},
    {**WHOLE, "type": "local_shell_call", "action": {"type": "exec", "command": ["ls"], "env": {}}},
    {**WHOLE, "type": "shell_call", "action": {"commands": ["ls"]}},
    {**WHOLE, "type": "apply_patch_call", "operation": {"type": "delete_file", "path": "x"}},
    {**WHOLE, "type": "custom_tool_call", "name": "raw", "input": "text"},
    {"type": "computer_call"},
    {"type": "tool_search_call", "execution": "client", "arguments": {}},
    {"type": "shell_call", "call_id": None, "action": None, "id": ""},
]


@pytest.mark.parametrize("item", FOREIGN, ids=lambda item: item["type"])
async def test_a_call_of_a_tool_that_the_agent_lacks_goes_back_as_an_error(
    adding_thread: OpenThread, provider: ProviderServer, item: Json
) -> None:
    thread = adding_thread("responses")
    assert await says(thread, provider, item_events({"id": "x1", **item}), FINE) == "Done."
    (told,) = results([request.body for request in provider.requests])
    assert item["type"] in told
    assert "add" in told, "the tools that there are"


UNKNOWN: list[Any] = [
    {"type": "alien", "id": "z"},
    {"type": "alien_call", "id": "z", "call_id": "q"},
    {"type": "program", "id": "p"},
    {"type": "program_output", "result": 7},
    {"type": "shell_call_output", "output": 7},
    {"type": "mcp_call", "id": "m"},
    {"type": "mcp_list_tools", "id": "m", "tools": None},
    {"type": "mcp_approval_request", "id": "r"},
    {"type": "compaction", "id": "c"},
    {"type": 7},
    {},
    None,
]


@pytest.mark.parametrize("item", UNKNOWN, ids=lambda item: str((item or {}).get("type")))
async def test_an_item_that_nobody_can_read_is_left_out(
    adding_thread: OpenThread, provider: ProviderServer, item: Any
) -> None:
    assert await says(adding_thread("responses"), provider, item_events(item, MESSAGE)) == "Three."
    assert await says(adding_thread("responses"), provider, item_events(item), FINE) == "Done."
    assert len(provider.requests) == 2


HOSTED: list[Json] = [
    {"type": "web_search_call", "action": None},
    {"type": "web_search_call", "id": "w", "status": 7, "action": {"type": "search", "queries": 7, "sources": [None]}},
    {"type": "web_search_call", "id": "w", "action": {"type": "new_action", "x": 1}},
    {"type": "file_search_call", "id": "f", "queries": None, "results": [None, {"text": 7}]},
    {"type": "code_interpreter_call", "id": "c", "code": None, "outputs": 7},
    {"type": "code_interpreter_call", "id": "c", "code": 7, "outputs": [None, {"type": "image"}, {"type": "logs"}]},
    {"type": "mcp_call", "id": "m", "name": "buy", "arguments": "", "server_label": "shop", "output": 7, "error": [1]},
    {"type": "mcp_list_tools", "id": "m", "tools": [None], "server_label": "shop"},
    {"type": "image_generation_call", "id": "i", "result": None},
    {"type": "image_generation_call", "id": "i", "result": 7, "status": "failed"},
]


@pytest.mark.parametrize("item", HOSTED, ids=lambda item: item["type"])
async def test_an_odd_item_of_a_tool_at_the_provider_ends_no_turn(
    adding_thread: OpenThread, provider: ProviderServer, item: Json
) -> None:
    thread = adding_thread("responses")
    assert await says(thread, provider, item_events(item, MESSAGE)) == "Three."
    assert errors(thread) == []


async def test_a_deep_item_is_left_out(adding_thread: OpenThread, provider: ProviderServer) -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = [deep]
    item = {"type": "web_search_call", "id": "w", "action": {"type": "search", "queries": deep}}
    assert await says(adding_thread("responses"), provider, item_events(item, MESSAGE)) == "Three."


PICTURES: list[Json] = [
    {"type": "image_generation_call", "id": "i", "result": "https://files.example/a.png"},
    {"type": "code_interpreter_call", "id": "c", "outputs": [{"type": "image", "url": "https://files.example/a.png"}]},
]


@pytest.mark.parametrize("item", PICTURES, ids=lambda item: item["type"])
async def test_the_user_gets_the_address_of_a_picture_that_is_not_fetched(
    adding_thread: OpenThread, provider: ProviderServer, item: Json
) -> None:
    thread = adding_thread("responses")
    assert await says(thread, provider, item_events(item, MESSAGE)) == "Three."
    (notice,) = [event["message"] for event in thread.events if event["type"] == "notice"]
    assert notice.endswith("this assistant does not open it: https://files.example/a.png")
    assert [item for item in thread.done() if item["type"] == "generated_image"] == []
