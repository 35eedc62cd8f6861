"""Replace lone surrogates, which cannot be stored or sent, in the text of models and tools.

A provider that splits an emoji between two chunks sends lone surrogates, as a character or as an escape in a call's
arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

# A JSON escape: a surrogate pair, a lone surrogate (the group), or any other escape, such as a backslash.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def without_lone_surrogates(text: str) -> str:
    """Return the text with each lone surrogate replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def clean_value(value: Any) -> Any:
    """Return a JSON value, which is not nested deeply, without lone surrogates in its texts and names."""
    match value:
        case str():
            return without_lone_surrogates(value)
        case dict():
            return {clean_value(name): clean_value(each) for name, each in value.items()}
        case list():
            return [clean_value(each) for each in value]
        case _:
            return value


def clean_arguments(arguments: str) -> str:
    """Return a call's arguments, as JSON, without lone surrogates and without escapes of them."""
    if "\\u" in arguments:
        arguments = _ESCAPE.sub(lambda escape: "\\ufffd" if escape[1] else escape[0], arguments)
    return without_lone_surrogates(arguments)


class Joiner:
    """Joins pairs of surrogates that a provider has split between two deltas."""

    def __init__(self) -> None:
        # First halves that wait for their second half, by the text that they belong to.
        self._pending: dict[Any, str] = {}

    def joined(self, place: Any, text: str) -> str:
        """Return a delta with the half of the delta before it, and without a half at its own end."""
        text = self._pending.pop(place, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._pending[place] = text[-1]
            text = text[:-1]
        return without_lone_surrogates(text)


def clean_event(event: Any) -> None:
    """Replace lone surrogates in the text and the complete tool calls of a stream event."""
    match event.type:
        case "response.output_text.delta":
            _clean(event, "delta", without_lone_surrogates)
        case "response.output_text.done":
            _clean(event, "text", without_lone_surrogates)
        case "response.content_part.done":
            _clean(event.part, "text", without_lone_surrogates)
        case "response.function_call_arguments.done":
            _clean(event, "arguments", clean_arguments)
        case "response.output_item.done":
            clean_items([event.item])
        case "response.completed":
            clean_items(event.response.output)


def clean_items(items: Iterable[Any]) -> None:
    """Replace lone surrogates in a response's messages and tool calls."""
    for item in items:
        match item.type:
            case "function_call":
                _clean(item, "arguments", clean_arguments)
            case "message":
                for part in item.content or ():
                    _clean(part, "text", without_lone_surrogates)


def _clean(holder: Any, field: str, clean: Callable[[str], str]) -> None:
    # The client does not check that a provider sent text here.
    text = getattr(holder, field, None)
    if isinstance(text, str) and (cleaned := clean(text)) != text:
        setattr(holder, field, cleaned)


def sendable_output(item: dict[str, Any]) -> dict[str, Any]:
    """Return an input item; in a tool's result, lone surrogates are replaced."""
    output = item.get("output")
    if isinstance(output, str):
        return {**item, "output": without_lone_surrogates(output)}
    if isinstance(output, list):
        return {**item, "output": [_sendable_part(part) for part in output]}
    return item


def sendable_input(items: str | list[Any]) -> str | list[Any]:
    """Return a model's input without lone surrogates in tool results."""
    return items if isinstance(items, str) else [sendable_output(item) for item in items]


def _sendable_part(part: Any) -> Any:
    text = part.get("text") if isinstance(part, dict) else None
    return {**part, "text": without_lone_surrogates(text)} if isinstance(text, str) else part
