"""A strict reader of server-sent events. It fails on anything but ChatKit's framing."""

from __future__ import annotations

import json
from typing import Any


def frames(body: bytes | str) -> list[dict[str, Any]]:
    """Return the JSON objects of a whole stream; comments are passed over.

    Raises:
        AssertionError: the framing is not exactly `data: {json}` and an empty line.
    """
    text = body.decode() if isinstance(body, bytes) else body
    assert text.endswith("\n\n"), "the stream was cut off"
    found: list[dict[str, Any]] = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        if block.startswith(":"):
            assert "\n" not in block, block
            continue
        assert block.startswith("data: {"), block
        assert "\n" not in block, block
        found.append(json.loads(block.removeprefix("data: ")))
    return found


def text_of(events: list[dict[str, Any]]) -> str:
    """Return the text of the assistant's messages among ChatKit's events."""
    return "".join(
        part["text"]
        for event in events
        if event["type"] == "thread.item.done" and event["item"]["type"] == "assistant_message"
        for part in event["item"]["content"]
    )
