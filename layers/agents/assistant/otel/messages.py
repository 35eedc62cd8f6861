"""Messages in the form of the GenAI conventions, as JSON. They are recorded only with `LOG_CONTENT`.

https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-input-messages.json and
gen-ai-output-messages.json beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# A text beyond this is cut: collectors limit the size of a request, usually to some megabytes.
MAX_TEXT_CHARACTERS = 16_000

Part = dict[str, Any]


def system_instructions(instructions: str | None) -> str | None:
    """Return the system prompt; None if there is none."""
    return json.dumps([_text(instructions)], ensure_ascii=False) if instructions else None


def input_messages(given: str | Sequence[Any]) -> str:
    """Return a request's history."""
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return json.dumps([_message(_plain(item)) for item in items], ensure_ascii=False)


def output_messages(output: Iterable[Any], finish: str) -> str:
    """Return an answer, as one message of the assistant."""
    parts = [part for item in output for part in _message(_plain(item))["parts"]]
    return json.dumps([{"role": "assistant", "parts": parts, "finish_reason": finish}], ensure_ascii=False)


def _plain(item: Any) -> Mapping[str, Any]:
    if isinstance(item, Mapping):
        return item
    dumped: dict[str, Any] = item.model_dump(exclude_none=True)
    return dumped


def _message(item: Mapping[str, Any]) -> dict[str, Any]:
    match item.get("type", "message"):
        case "message":
            role = str(item.get("role", "assistant"))
            return {"role": "system" if role == "developer" else role, "parts": _parts(item.get("content", ""))}
        case "function_call":
            call = {"type": "tool_call", "id": item.get("call_id"), "name": item.get("name")}
            return {"role": "assistant", "parts": [{**call, "arguments": _cut(str(item.get("arguments", "")))}]}
        case "function_call_output":
            result = _cut(_as_text(item.get("output", "")))
            return {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": item.get("call_id"), "response": result}],
            }
        case "reasoning":
            texts = [part.get("text", "") for part in item.get("summary") or ()]
            return {"role": "assistant", "parts": [{"type": "reasoning", "content": _cut("\n".join(texts))}]}
        case other:
            # A hosted tool's item: its data may be large and binary.
            return {"role": "assistant", "parts": [{"type": str(other)}]}


def _parts(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [_text(content)]
    parts: list[Part] = []
    for part in content:
        text = part.get("text") or part.get("refusal")
        # A picture or a file: its kind, but not its data.
        parts.append(_text(text) if isinstance(text, str) else {"type": str(part.get("type"))})
    return parts


def _text(text: str) -> Part:
    return {"type": "text", "content": _cut(text)}


def _as_text(output: Any) -> str:
    if isinstance(output, str):
        return output
    return "\n".join(part.get("text", f"[{part.get('type')}]") for part in output if isinstance(part, Mapping))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARACTERS else f"{text[:MAX_TEXT_CHARACTERS]}…"
