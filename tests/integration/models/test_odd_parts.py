"""Parts of an answer that nobody can store or show, as whole turns over HTTP: the turn ends as without them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.chatkit_client import ChatKitClient
from tests.support.odd_streams import DONE, chunk, errors, events, item_events, results, says, sse, unfinished
from tests.support.provider_formats import Json
from tests.support.provider_server import Answer, ProviderServer, RawStream, Text, ToolCall

pytestmark = pytest.mark.anyio

OpenThread = Callable[..., ChatKitClient]
FINE = Answer(Text("Done."))
HALF = "\ud83d"


def text_item(*annotations: Any) -> Json:
    """Return a message with citations."""
    part = {"type": "output_text", "text": "Three.", "annotations": list(annotations)}
    return {"type": "message", "id": "msg_9", "role": "assistant", "content": [part]}


def call_chunk(**fields: Any) -> Json:
    """Return a chunk with a call of the tool `add` and these fields."""
    function = {"name": "add", "arguments": '{"left": 1, "right": 2}'}
    return chunk(tool_calls=[{"index": 0, "id": "c", "function": function, **fields}])


# Half of an emoji

WITH_HALVES: dict[str, RawStream | str] = {
    "hosted item": item_events(
        {"type": "file_search_call", "id": "f", "queries": [HALF], "results": [{"text": HALF}]}, text_item()
    ),
    "id": item_events({**text_item(), "id": HALF}),
    "model": sse({**chunk(content="Three."), "id": HALF, "model": HALF}, chunk("stop")) + DONE,
    "reasoning block": sse(
        chunk(thinking_blocks=[{"type": "thinking", "thinking": HALF, "signature": HALF}], reasoning_content="Hm."),
        chunk(content="Three."),
        chunk("stop"),
    )
    + DONE,
}


@pytest.mark.parametrize("stream", WITH_HALVES.values(), ids=WITH_HALVES.keys())
async def test_half_of_an_emoji_anywhere_in_an_answer_is_replaced(
    adding_thread: OpenThread, provider: ProviderServer, stream: RawStream | str
) -> None:
    thread = adding_thread("responses" if isinstance(stream, RawStream) else "chat")
    assert await says(thread, provider, stream) == "Three."
    assert errors(thread) == []
    assert unfinished(thread) == set()


CALLS: dict[str, Json] = {
    "id": {"id": HALF},
    "name": {"function": {"name": f"add{HALF}", "arguments": "{}"}},
    "signature": {"extra_content": {"google": {"thought_signature": HALF}}},
    "fields": {"provider_specific_fields": {HALF: [HALF]}},
}


@pytest.mark.parametrize("fields", CALLS.values(), ids=CALLS.keys())
async def test_half_of_an_emoji_in_a_call_is_replaced(
    adding_thread: OpenThread, provider: ProviderServer, fields: Json
) -> None:
    thread = adding_thread("chat")
    assert await says(thread, provider, sse(call_chunk(**fields), chunk("tool_calls")) + DONE, FINE) == "Done."
    assert errors(thread) == []
    assert unfinished(thread) == set()


async def test_half_of_an_emoji_in_the_name_of_a_call_is_replaced_on_responses(
    adding_thread: OpenThread, provider: ProviderServer
) -> None:
    call = {"type": "function_call", "id": HALF, "call_id": HALF, "name": f"add{HALF}", "arguments": "{}"}
    thread = adding_thread("responses")
    assert await says(thread, provider, item_events(call), FINE) == "Done."
    assert errors(thread) == []


@pytest.mark.parametrize("field", ["provider_specific_fields", "thinking_blocks"])
async def test_a_field_that_is_nested_too_deeply_is_left_out(
    adding_thread: OpenThread, provider: ProviderServer, field: str
) -> None:
    deep: Any = "x"
    for _ in range(600):
        deep = {"a": deep}
    call = call_chunk(**{field: deep})
    call["choices"][0]["delta"][field] = [deep]
    thread = adding_thread("chat")
    assert await says(thread, provider, sse(call, chunk("tool_calls")) + DONE, FINE) == "Done."
    assert errors(thread) == []


# Citations

LINK: Json = {"type": "url_citation", "url": "https://a.example/", "title": "A", "start_index": 0, "end_index": 5}
CONTAINER: Json = {"type": "container_file_citation", "container_id": "c", "file_id": "f", "filename": None}
ODD_CITATIONS: dict[str, Any] = {
    "no address": {**LINK, "url": None},
    "script": {**LINK, "url": "javascript:alert(1)"},
    "our own file": {**LINK, "url": "file:01a229c8-1c0e-7f8c-a817-d00834e7"},
    "no file": {"type": "file_citation", "file_id": None, "index": "x", "filename": None},
    "no container": CONTAINER,
    "no kind": {"type": None},
    "unknown": {"type": "alien"},
    "number": 7,
}


def streamed(citation: Any) -> str:
    """Return the stream of an answer whose citation comes as an event."""
    sent = events(Text("Three."))
    at = next(place for place, event in enumerate(sent) if event["type"] == "response.output_text.done")
    added = {"type": "response.output_text.annotation.added", "item_id": sent[at]["item_id"], "output_index": 0}
    return sse(*sent[:at], {**added, "content_index": 0, "annotation": citation}, *sent[at:])


def shown(thread: ChatKitClient) -> list[Json]:
    """Return the sources that the last message cites."""
    (message,) = [item for item in thread.done() if item["type"] == "assistant_message"]
    return [each["source"] for part in message["content"] for each in part["annotations"]]


@pytest.mark.parametrize("citation", ODD_CITATIONS.values(), ids=ODD_CITATIONS.keys())
@pytest.mark.parametrize("as_event", [True, False], ids=["event", "item"])
async def test_a_citation_that_nobody_can_show_is_left_out(
    adding_thread: OpenThread, provider: ProviderServer, citation: Any, as_event: bool
) -> None:
    thread = adding_thread("responses")
    reply = streamed(citation) if as_event else item_events(text_item(citation, LINK))
    assert await says(thread, provider, reply) == "Three."
    assert errors(thread) == []
    assert [source["url"] for source in shown(thread)] == ([] if as_event else ["https://a.example/"])
    assert "alert" not in json.dumps(thread.events)


@pytest.mark.parametrize(
    "change",
    [{"title": None}, {"start_index": None, "end_index": None}, {"end_index": -1}, {"title": HALF}],
    ids=["no title", "no places", "negative", "half"],
)
async def test_a_citation_with_an_address_is_shown(
    adding_thread: OpenThread, provider: ProviderServer, change: Json
) -> None:
    thread = adding_thread("responses")
    assert await says(thread, provider, streamed({**LINK, **change})) == "Three."
    assert errors(thread) == []
    assert await says(thread, provider, item_events(text_item({**LINK, **change}))) == "Three."
    assert [source["url"] for source in shown(thread)] == ["https://a.example/"]


# Pictures and items without an answer

JUNK = ["AAAA", "!!!", "", "data:image/png;base64,AAAA"]


@pytest.mark.parametrize("result", JUNK)
async def test_a_generated_picture_that_is_none_is_told_and_the_answer_stays(
    adding_thread: OpenThread, provider: ProviderServer, result: str
) -> None:
    thread = adding_thread("responses")
    picture = {"type": "image_generation_call", "id": "i", "status": "completed", "result": result}
    assert await says(thread, provider, item_events(picture, text_item())) == "Three."
    assert errors(thread) == []
    assert unfinished(thread) == set()
    assert [item for item in thread.done() if item["type"] == "generated_image"] == []
    notices = [event["message"] for event in thread.events if event["type"] == "notice"]
    assert notices == ["A picture could not be fetched. Please ask for it again."]


async def test_a_preview_that_is_no_picture_is_left_out(adding_thread: OpenThread, provider: ProviderServer) -> None:
    picture = {"type": "image_generation_call", "id": "i", "status": "in_progress", "result": None}
    preview = {"type": "response.image_generation_call.partial_image", "item_id": "i", "partial_image_b64": "AAAA"}
    sent = [
        {"type": "response.output_item.added", "output_index": 0, "item": picture},
        preview,
        *events(Text("Three.")),
    ]
    thread = adding_thread("responses")
    assert await says(thread, provider, sse(*sent)) == "Three."
    assert errors(thread) == []


async def test_a_compaction_alone_is_an_empty_answer(adding_thread: OpenThread, provider: ProviderServer) -> None:
    compaction = {"type": "compaction", "id": "c", "encrypted_content": "x"}
    assert await says(adding_thread("responses"), provider, item_events(compaction), FINE) == "Done."


# Calls that end the turn


@pytest.mark.parametrize("arguments", ["[", "null", "7"])
@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_a_failed_call_of_a_tool_that_ends_the_turn_goes_back_to_the_model(
    adding_thread: OpenThread, provider: ProviderServer, api: str, arguments: str
) -> None:
    thread = adding_thread(api, AGENT_FACTORY="tests.support.turn_agents:build_agent")
    asked = Answer(ToolCall("ask_browser", raw=arguments))
    assert await says(thread, provider, asked, FINE) == "Done."
    (told,) = results([request.body for request in provider.requests])
    assert "invalid_arguments" in told
    assert len(provider.requests) == 2


@pytest.mark.parametrize("levels", [100, 140])
@pytest.mark.parametrize("tool", ["show_widget", "show_item"])
async def test_a_widget_that_could_not_be_read_again_is_not_shown(
    adding_thread: OpenThread, provider: ProviderServer, tool: str, levels: int
) -> None:
    thread = adding_thread("chat", AGENT_FACTORY="tests.support.deep_agent:build_agent")
    assert await says(thread, provider, Answer(ToolCall(tool, {"levels": levels})), FINE) == "Done."
    assert errors(thread) == []
    (told,) = results([request.body for request in provider.requests])
    assert "What the tool shows is nested too deeply." in told
    provider.script(FINE)
    assert await thread.say("Hello") == "Done."


@pytest.mark.parametrize("tool", ["show_widget", "show_item"])
async def test_a_widget_of_some_levels_is_shown_and_read_again(
    adding_thread: OpenThread, provider: ProviderServer, tool: str
) -> None:
    thread = adding_thread("chat", AGENT_FACTORY="tests.support.deep_agent:build_agent")
    assert await says(thread, provider, Answer(ToolCall(tool, {"levels": 40})), FINE) == "Done."
    assert [item["type"] for item in await thread.items()].count("widget") == 1
