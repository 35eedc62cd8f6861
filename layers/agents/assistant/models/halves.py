"""Half a surrogate pair in what a provider or a tool answers: no such text can be stored, or sent on.

It comes as it is, where an emoji was cut in two, or as an escape in the JSON of a tool call's arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

# An escape of JSON: a pair's two, a half (the one that is caught), or any other, an escaped backslash among them.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def without_halves(text: str) -> str:
    """Return a text with each half of a pair that stands alone replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def whole_arguments(arguments: str) -> str:
    """Return a call's arguments, as JSON, without halves, escaped ones among them."""
    if "\\u" in arguments:
        arguments = _ESCAPE.sub(lambda escape: "\\ufffd" if escape[1] else escape[0], arguments)
    return without_halves(arguments)


def mend_event(event: Any) -> None:
    """Take halves out of the text of an event of a stream, and of the tool calls that stand whole in it."""
    match event.type:
        case "response.output_text.delta":
            _mend(event, "delta", without_halves)
        case "response.output_text.done":
            _mend(event, "text", without_halves)
        case "response.content_part.done":
            _mend(event.part, "text", without_halves)
        case "response.function_call_arguments.done":
            _mend(event, "arguments", whole_arguments)
        case "response.output_item.done":
            mend_items([event.item])
        case "response.completed":
            mend_items(event.response.output)


def mend_items(items: Iterable[Any]) -> None:
    """Take halves out of a response's messages and tool calls."""
    for item in items:
        match item.type:
            case "function_call":
                _mend(item, "arguments", whole_arguments)
            case "message":
                for part in item.content or ():
                    _mend(part, "text", without_halves)


def _mend(thing: Any, field: str, whole: Callable[[str], str]) -> None:
    # The client takes what a provider sends as it is, also where there should be a text and is none.
    text = getattr(thing, field, None)
    if isinstance(text, str) and (mended := whole(text)) != text:
        setattr(thing, field, mended)


def sendable_output(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item of a model's input, of a tool's result without halves."""
    output = item.get("output")
    if isinstance(output, str):
        return {**item, "output": without_halves(output)}
    if isinstance(output, list):
        return {**item, "output": [_sendable_part(part) for part in output]}
    return item


def sendable_input(items: str | list[Any]) -> str | list[Any]:
    """Return a model's input whose tool results have no halves."""
    return items if isinstance(items, str) else [sendable_output(item) for item in items]


def _sendable_part(part: Any) -> Any:
    text = part.get("text") if isinstance(part, dict) else None
    return {**part, "text": without_halves(text)} if isinstance(text, str) else part
