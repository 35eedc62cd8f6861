"""Read a whole Chat Completions answer in any provider's dialect, as `assistant.models.chunks` reads a stream."""

from __future__ import annotations

from typing import Any

from assistant.models.chunks import ChunkReader

_REASONING = ("reasoning_content", "reasoning")


def whole_completion(payload: Any) -> Any:
    """Return the payload in OpenAI's form, or unchanged if it has no message.

    Raises:
        APIError: the payload reports an error.
    """
    reader = ChunkReader()
    choices = [choice for chunk in reader.read(payload) for choice in chunk["choices"]]
    if not choices:
        return payload
    delta = choices[0]["delta"]
    message: dict[str, Any] = {"role": "assistant", "content": delta.get("content")}
    message |= {name: delta[name] for name in (*_REASONING, "thinking_blocks") if name in delta}
    if delta.get("tool_calls"):
        message["tool_calls"] = [_call(call) for call in delta["tool_calls"]]
    first = {"index": 0, "message": message, "logprobs": None, "finish_reason": choices[0]["finish_reason"] or "stop"}
    return {**payload, "object": "chat.completion", "choices": [first]}


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = {"name": "", "arguments": "", **call["function"]}
    return {**call, "function": function}
