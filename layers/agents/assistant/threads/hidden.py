"""Hidden items, which a thread keeps for later turns and shows to no client, and the marks of incomplete answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeGuard

from chatkit.types import (
    CustomTask,
    HiddenContextItem,
    SDKHiddenContextItem,
    TaskItem,
    ThreadItem,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
)

from assistant import clock
from assistant.ids import ID_PREFIXES, new_id, split_own_id

TOOL_ROUND = "tool_round"
# The prefix of a mark's id. No other task has it.
MARK_PREFIX = "end"
# The texts of marks from release 0.1.0, whose ids have no prefix of their own. Stored data: never change them.
_EARLIER_MARKS = frozenset(
    {
        "Time ran out, this answer is incomplete.",
        "An error ended this answer, it is incomplete.",
        "This answer was cut off, it is incomplete.",
    }
)


REFUSAL = "refusal"


def refusal(thread: ThreadMetadata, answered: str | None) -> HiddenContextItem:
    """Return the mark of a turn whose input a guardrail has refused.

    Args:
        thread: The thread.
        answered: The id of the earlier item that holds the input, such as a form; None for a message.
    """
    item_id = new_id(ID_PREFIXES["sdk_hidden_context"])
    content = {"type": REFUSAL} if answered is None else {"type": REFUSAL, "item": answered}
    return HiddenContextItem(id=item_id, thread_id=thread.id, created_at=clock.now(), content=content)


def is_refusal(item: ThreadItem) -> bool:
    """Tell whether an item marks a turn with refused input."""
    return (
        isinstance(item, HiddenContextItem) and isinstance(item.content, dict) and item.content.get("type") == REFUSAL
    )


def refused_items(items: Iterable[ThreadItem]) -> dict[str, ThreadItem]:
    """Return the refusal marks of earlier items, by the ids of these earlier items."""
    marks = [item for item in items if isinstance(item, HiddenContextItem) and is_refusal(item)]
    return {mark.content["item"]: mark for mark in marks if "item" in mark.content}


def is_tool_round(item: ThreadItem) -> bool:
    """Tell whether an item stores a round of tool calls."""
    return (
        isinstance(item, HiddenContextItem)
        and isinstance(item.content, dict)
        and item.content.get("type") == TOOL_ROUND
    )


def kept_calls(items: Iterable[ThreadItem]) -> set[str]:
    """Return the ids of all calls in the stored rounds. A remote MCP call is known by the id of its approval."""
    return {
        call_id
        for item in items
        if isinstance(item, HiddenContextItem) and is_tool_round(item)
        for value in item.content["items"]
        if (call_id := value.get("call_id") or value.get("approval_request_id"))
    }


# The type in the content of the mark below. If the input is no message, the content also names the item that holds it.
UNJUDGED = "unjudged"


def is_mark(item: ThreadItem) -> bool:
    """Tell whether an item marks an incomplete answer. Such a mark is for the user, not for the model."""
    if not isinstance(item, TaskItem):
        return False
    parts = split_own_id(item.id)
    if parts is not None and parts[0] == MARK_PREFIX:
        return True
    return isinstance(item.task, CustomTask) and item.task.title in _EARLIER_MARKS


def unjudged_marks(thread_id: str, operation: str, changed: Sequence[str]) -> list[ThreadItem]:
    """Return the mark of a turn that ended before the guardrails had checked its input.

    A later turn runs the guardrails on that input before its model reads it. A retry keeps the marks of its message,
    and a click has no input to check.

    Args:
        thread_id: The thread.
        operation: The kind of request that the turn answered.
        changed: The ids of the earlier items that the claim has changed; the first is the one that was answered.
    """
    match operation:
        case "threads.create" | "threads.add_user_message":
            content = {"type": UNJUDGED}
        case "threads.add_client_tool_output" | "threads.add_structured_input":
            content = {"type": UNJUDGED, "item": changed[0]}
        case _:
            return []
    item_id = new_id(ID_PREFIXES["sdk_hidden_context"])
    return [HiddenContextItem(id=item_id, thread_id=thread_id, created_at=clock.now(), content=content)]


def is_unjudged(item: ThreadItem) -> TypeGuard[HiddenContextItem]:
    """Tell whether an item marks a turn whose input the guardrails have not checked."""
    return (
        isinstance(item, HiddenContextItem) and isinstance(item.content, dict) and item.content.get("type") == UNJUDGED
    )


def is_hidden_item(item: object) -> bool:
    """Tell whether an item must not be sent to a client."""
    return isinstance(item, HiddenContextItem | SDKHiddenContextItem)


def is_hidden(event: ThreadStreamEvent) -> bool:
    """Tell whether an event carries an item that must not be sent to a client."""
    # The most frequent event has no item, and Pydantic takes long to say so.
    return not isinstance(event, ThreadItemUpdatedEvent) and is_hidden_item(getattr(event, "item", None))
