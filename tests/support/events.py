"""The sample events of `events/` and their expected answers, by function."""

from __future__ import annotations

import json
from typing import Any

from local.settings import ROOT

EVENTS = ROOT / "events"
# These samples name a thread or a file that does not exist, until it is replaced by one's own.
_UNKNOWN = {
    "threads.add_user_message",
    "threads.add_client_tool_output",
    "threads.add_structured_input",
    "threads.retry_after_item",
    "threads.custom_action",
    "threads.sync_custom_action",
    "threads.get_by_id",
    "threads.update",
    "threads.delete",
    "items.list",
    "items.feedback",
    "attachments.delete",
}


def names(folder: str) -> list[str]:
    """Return the samples of a function, such as `message`."""
    return sorted(path.stem for path in (EVENTS / folder).glob("*.json"))


def event(name: str) -> dict[str, Any]:
    """Return a sample, such as `chat/message`."""
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


def expected_status(name: str) -> int:
    """Return the HTTP status that a sample, such as `message`, is answered with where nothing is stored."""
    if name == "preflight":
        # Its origin is not one that a deployment lets in by itself.
        return 400
    return 404 if name in _UNKNOWN else 200
