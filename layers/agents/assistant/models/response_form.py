"""Return a whole response's fields that the SDKs read, in OpenAI's form."""

from __future__ import annotations

from typing import Any

from assistant.models.counts import count_of
from assistant.models.surrogates import without_lone_surrogates

Json = dict[str, Any]


def known_response(given: Json, status: str, output: list[Json]) -> Json:
    """Return a response with an output of ours.

    Args:
        given: The response as the server sent it.
        status: Its status.
        output: Its items.
    """
    known: Json = {name: _text(given.get(name)) for name in ("id", "model")}
    details, error = given.get("incomplete_details"), given.get("error")
    return {
        **known,
        "created_at": given["created_at"] if isinstance(given.get("created_at"), int | float) else 0,
        "object": "response",
        "status": status,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": _usage(given.get("usage")),
        "incomplete_details": details if isinstance(details, dict) else None,
        "error": error if isinstance(error, dict) else None,
    }


def _text(value: Any) -> str:
    return without_lone_surrogates(value) if isinstance(value, str) else ""


def _usage(given: Any) -> Json | None:
    if not isinstance(given, dict):
        return None
    read, written, total = (count_of(given.get(name)) for name in ("input_tokens", "output_tokens", "total_tokens"))
    if read is None or written is None:
        return None
    known: Json = {"input_tokens": read, "output_tokens": written, "total_tokens": total or read + written}
    for name, counts in {
        "input_tokens_details": ("cached_tokens", "cache_write_tokens"),
        "output_tokens_details": ("reasoning_tokens",),
    }.items():
        details = given.get(name)
        told = details if isinstance(details, dict) else {}
        known[name] = {count: count_of(told.get(count)) or 0 for count in counts}
    return known
