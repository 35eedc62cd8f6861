"""Items of tools that run at OpenAI, in the form that its Responses API streams.

https://platform.openai.com/docs/guides/tools-connectors-mcp and /docs/api-reference/responses/object
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.support.provider_formats import Json, events_of
from tests.support.provider_server import Answer, RawStream, Text

LISTED: Json = {
    "id": "mcpl_1",
    "type": "mcp_list_tools",
    "server_label": "shop",
    "tools": [{"name": "buy", "description": "Buy.", "input_schema": {"type": "object"}, "annotations": None}],
    "error": None,
}
REASONED: Json = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "sealed"}
ASKED: Json = {
    "id": "mcpr_1",
    "type": "mcp_approval_request",
    "arguments": '{"what": "lamp"}',
    "name": "buy",
    "server_label": "shop",
}
BOUGHT: Json = {
    "id": "mcp_1",
    "type": "mcp_call",
    "approval_request_id": "mcpr_1",
    "arguments": '{"what": "lamp"}',
    "error": None,
    "name": "buy",
    "output": "one lamp bought",
    "server_label": "shop",
    "status": "completed",
}


def stream_of(*items: Json, text: str = "", annotations: Sequence[Json] = (), cut: bool = False) -> RawStream:
    """Return a response's stream with hosted tools' items, and then a message if there is a text.

    Args:
        items: The items, as they are when they are done.
        text: The message.
        annotations: The message's annotations.
        cut: Whether the stream ends behind the items.
    """
    events = [json.loads(json.dumps(event)) for event in events_of(Answer(*([Text(text)] if text else [])), "m")]
    for event in events:
        if "output_index" in event:
            event["output_index"] += len(items)
        done = [event["item"]] if event["type"] == "response.output_item.done" else []
        for message in [*done, *event.get("response", {}).get("output", ())]:
            message["content"][0]["annotations"] = list(annotations)
    before = []
    for place, item in enumerate(items):
        begun = {**item, "status": "in_progress"} if "status" in item else item
        at = {"output_index": place, "sequence_number": 2}
        before.append({"type": "response.output_item.added", "item": begun, **at})
        if item["type"] == "mcp_call":
            named = {"item_id": item["id"], **at}
            before += [{"type": "response.mcp_call.in_progress", **named}]
            before += [{"type": "response.mcp_call_arguments.done", "arguments": item["arguments"], **named}]
            before += [{"type": "response.mcp_call.completed", **named}]
        if item["type"] == "mcp_list_tools":
            before += [{"type": "response.mcp_list_tools.in_progress", "item_id": item["id"], **at}]
            before += [{"type": "response.mcp_list_tools.completed", "item_id": item["id"], **at}]
        before.append({"type": "response.output_item.done", "item": item, **at})
    events[-1]["response"]["output"][:0] = items
    sent = [*events[:2], *before, *([] if cut else events[2:])]
    return RawStream("".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in sent))
