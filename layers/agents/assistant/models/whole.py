"""Read a whole answer in any provider's dialect, as the readers of the streams do."""

from __future__ import annotations

from typing import Any

from assistant.models.chunks import ChunkReader
from assistant.models.response_events import EventReader

_REASONING = ("reasoning_content", "reasoning")


def whole_completion(payload: Any) -> Any:
    """Return the payload in OpenAI's form, or unchanged if it has no message.

    Raises:
        APIError: the payload reports an error.
    """
    reader = ChunkReader()
    chunks = list(reader.read(payload))
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    if not choices:
        return payload
    delta = choices[0]["delta"]
    message: dict[str, Any] = {"role": "assistant", "content": delta.get("content")}
    message |= {name: delta[name] for name in (*_REASONING, "thinking_blocks") if name in delta}
    if delta.get("tool_calls"):
        message["tool_calls"] = [_call(call) for call in delta["tool_calls"]]
    first = {"index": 0, "message": message, "logprobs": None, "finish_reason": choices[0]["finish_reason"] or "stop"}
    return {**payload, "object": "chat.completion", "choices": [first], "usage": chunks[0]["usage"]}


def whole_response(payload: Any) -> Any:
    """Return a whole answer of the Responses API in OpenAI's form, or unchanged if it is none.

    An answer that reached the length limit keeps its text, as on Chat Completions. It loses its calls.

    Raises:
        APIError: the payload reports an error.
    """
    if not isinstance(payload, dict) or not isinstance(payload.get("output"), list):
        return payload
    cut = payload.get("status") == "incomplete" and _reason(payload) == "max_output_tokens"
    output = [
        item for item in payload["output"] if not cut or (isinstance(item, dict) and item.get("type") == "message")
    ]
    given = {**payload, "output": output, "status": "completed" if cut else payload.get("status")}
    ended = [
        event for event in EventReader().read({"object": "response", **given, "type": None}) if "response" in event
    ]
    whole = {**payload, **ended[-1]["response"]}
    return whole if whole["output"] else {**whole, "status": payload.get("status")}


def _reason(payload: dict[str, Any]) -> Any:
    details = payload.get("incomplete_details")
    return details.get("reason") if isinstance(details, dict) else None


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = {"name": "", "arguments": "", **call["function"]}
    return {**call, "function": function}
