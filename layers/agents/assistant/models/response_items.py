"""Read one output item of the Responses API in any server's dialect, and return it in OpenAI's form."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Collection
from typing import Any

from assistant.models.citations import known_citation
from assistant.models.hosted import HOSTED_ITEMS
from assistant.models.surrogates import clean_value
from assistant.nesting import is_deep

logger = logging.getLogger(__name__)

Json = dict[str, Any]

# The fields that the SDKs and this platform read from the items of tools that run at the provider, and their types.
_NEEDED: dict[str, dict[str, type]] = {
    "mcp_call": {"name": str, "arguments": str, "server_label": str},
    "mcp_approval_request": {"name": str, "arguments": str, "server_label": str},
    "mcp_list_tools": {"tools": list, "server_label": str},
    "image_generation_call": {},
    "compaction": {"encrypted_content": str},
}
# The types of the tools whose calls the agent answers. Without such a tool, the Runner (openai-agents 0.24) raises.
_TOOLS: dict[str, tuple[str, ...]] = {
    "computer_call": ("computer", "computer_use_preview"),
    "local_shell_call": ("local_shell", "shell"),
    "shell_call": ("shell",),
    "shell_call_output": ("shell",),
    "apply_patch_call": ("apply_patch",),
    "custom_tool_call": ("custom",),
    "tool_search_call": ("tool_search",),
    "tool_search_output": ("tool_search",),
    "program": ("programmatic_tool_calling",),
    "program_output": ("programmatic_tool_calling",),
}


def known_item(given: Any, tools: Collection[str] = ()) -> Json | None:
    """Return an item in OpenAI's form, or None for an item that nobody can read.

    Args:
        given: The item as the server sent it.
        tools: The types of the request's tools.
    """
    if not isinstance(given, dict) or is_deep(given):
        return None
    given = clean_value(given)
    kind = given.get("type")
    item: Json | None = None
    match kind:
        case "message":
            item = {"id": _id(given, "msg"), "role": "assistant", "status": "completed", "content": parts_of(given)}
        case "reasoning":
            item = _reasoning(given)
        case "function_call":
            item = _function_call(given)
        case str() if kind in HOSTED_ITEMS or kind in _NEEDED:
            if all(isinstance(given.get(name), needed) for name, needed in _NEEDED.get(kind, {}).items()):
                item = {**given, "id": _id(given, kind)}
                if kind == "image_generation_call" and not isinstance(given.get("result"), str):
                    item["result"] = None
        case str() if kind in _TOOLS and any(tool in tools for tool in _TOOLS[kind]):
            item = {**given, "id": _id(given, kind), "call_id": _text(given.get("call_id")) or _new("call")}
        case str() if kind in _TOOLS and kind.endswith("_call"):
            # As a call of a function it gets a result: there is no such tool.
            return known_item({**given, "type": "function_call", "name": f"unavailable_{kind}", **_arguments(given)})
        case _:
            pass
    if item is None:
        logger.warning("An item of the model's answer is left out because it is unknown or incomplete")
        return None
    return {**item, "type": kind}


def parts_of(message: Json) -> list[Json]:
    """Return the text parts of a message. A refusal is an answer, so it becomes text."""
    content = message.get("content")
    parts: list[Json] = []
    for part in content if isinstance(content, list) else [content]:
        if (text := text_of(part)) is None:
            continue
        annotations = part.get("annotations") if isinstance(part, dict) else None
        cited = [known_citation(each) for each in annotations] if isinstance(annotations, list) else []
        kept = [each for each in cited if each is not None]
        parts.append({"type": "output_text", "text": text, "annotations": kept, "logprobs": []})
    return parts


def text_of(part: Any) -> str | None:
    """Return the text of a message's part, or None if it has none."""
    if isinstance(part, dict):
        part = next((part[name] for name in ("text", "refusal") if isinstance(part.get(name), str)), None)
    return part if isinstance(part, str) else None


def _reasoning(given: Json) -> Json:
    item: Json = {"id": _id(given, "rs"), "summary": _texts(given.get("summary"), "summary_text")}
    if content := _texts(given.get("content"), "reasoning_text"):
        item["content"] = content
    if isinstance(given.get("encrypted_content"), str):
        item["encrypted_content"] = given["encrypted_content"]
    return item


def _texts(parts: Any, kind: str) -> list[Json]:
    found = map(text_of, parts if isinstance(parts, list) else [parts])
    return [{"type": kind, "text": text} for text in found if text is not None]


def _function_call(given: Json) -> Json:
    arguments = given.get("arguments")
    item: Json = {
        "call_id": _text(given.get("call_id")) or _text(given.get("id")) or _new("call"),
        "name": _text(given.get("name")),
        "arguments": json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments),
        "status": "completed",
    }
    item |= {name: given[name] for name in ("id", "namespace") if _text(given.get(name))}
    if isinstance(given.get("caller"), dict):
        item["caller"] = given["caller"]
    return item


def _arguments(given: Json) -> Json:
    told = {name: given[name] for name in ("action", "operation", "input", "name") if given.get(name) is not None}
    return {"arguments": json.dumps(told, ensure_ascii=False)}


def _id(given: Json, prefix: str) -> str:
    return _text(given.get("id")) or _new(prefix)


def _new(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:24]}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
