"""Streams that differ from the standard, and turns that read them over HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_formats import Json, Part, chunks_of, events_of
from tests.support.provider_server import Answer, ProviderServer, RawStream, Reply, Text

DONE = "data: [DONE]\n\n"


def sse(*payloads: Any) -> str:
    """Return payloads as server-sent events."""
    return "".join(f"data: {json.dumps(payload)}\n\n" for payload in payloads)


def chunk(finish_reason: Any = None, **delta: Any) -> Json:
    """Return a chunk of Chat Completions."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def message_chunk(finish_reason: Any = None, **message: Any) -> Json:
    """Return a chunk with `message` in place of `delta`."""
    return {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}]}


def events(*parts: Part) -> list[Json]:
    """Return the events of an answer on the Responses API, free to be changed."""
    return [json.loads(json.dumps(event)) for event in events_of(Answer(*parts), "m")]


def stream(api: str, *parts: Part, **more: Any) -> str:
    """Return the stream of an answer, byte for byte."""
    if api == "responses":
        return sse(*events(*parts))
    return sse(*chunks_of(Answer(*parts, **more), "m", True)) + DONE


def item_events(*items: Any, output: Any = None) -> RawStream:
    """Return a Responses stream with these items as they are."""
    response = {"id": "resp_1", "object": "response", "model": "m", "created_at": 1, "usage": None}
    sent: list[Json] = []
    for place, item in enumerate(items):
        sent += [
            {"type": f"response.output_item.{stage}", "output_index": place, "item": item}
            for stage in ("added", "done")
        ]
    whole = {**response, "status": "completed", "output": list(items) if output is None else output}
    return RawStream(sse(*sent, {"type": "response.completed", "response": whole}))


def errors(thread: ChatKitClient) -> list[str]:
    """Return the messages of the last events' errors; the code of one without a message."""
    return [event.get("message") or event["code"] for event in thread.events if event["type"] == "error"]


def unfinished(thread: ChatKitClient) -> set[str]:
    """Return the ids of the items that were added and not finished in the last events."""
    added = {event["item"]["id"] for event in thread.events if event["type"] == "thread.item.added"}
    ended = {item["id"] for item in thread.done()}
    return added - ended - {event["item_id"] for event in thread.events if event["type"] == "thread.item.removed"}


def results(bodies: Sequence[Json]) -> list[str]:
    """Return the results of tools in the last request of a provider."""
    body = bodies[-1]
    if "input" in body:
        return [item["output"] for item in body["input"] if item.get("type") == "function_call_output"]
    return [message["content"] for message in body["messages"] if message["role"] == "tool"]


async def says(thread: ChatKitClient, provider: ProviderServer, *replies: Reply | str) -> str:
    """Send a message that gets these answers, and check that the turn ends and the next one works."""
    provider.reset()
    provider.script(*(RawStream(reply) if isinstance(reply, str) else reply for reply in replies))
    said = await thread.say("Add 1 and 2")
    told = errors(thread)
    assert "stream.error" not in told
    assert unfinished(thread) == set()
    made = list(provider.requests)
    seen = list(thread.events)
    provider.script(Answer(Text("Done.")))
    assert await thread.say("And now?") == "Done."
    assert errors(thread) == []
    provider.requests[:], thread.events = made, seen
    return said
