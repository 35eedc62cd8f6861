"""What waited for the browser when its user went on: a client tool call whose output nobody will ask for any more."""

from __future__ import annotations

from collections.abc import Iterable

from chatkit.types import ClientToolCallItem, ThreadItem

# Its output, for the model of every later turn.
NOT_RUN = "The browser has not answered this call: the user sent another message first. It may be called again."


def overtaken_calls(items: Iterable[ThreadItem]) -> list[ThreadItem]:
    """Return the client tool calls that a new message has overtaken, in their last state.

    Args:
        items: The newest items that the message comes after.
    """
    return [
        item.model_copy(update={"status": "completed", "output": NOT_RUN})
        for item in items
        if isinstance(item, ClientToolCallItem) and item.status == "pending"
    ]
