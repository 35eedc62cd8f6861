"""Hidden items: what a thread keeps for later turns and shows to no client, and the marks of incomplete answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeGuard

from chatkit.types import (
    CustomTask,
    HiddenContextItem,
    SDKHiddenContextItem,
    TaskItem,
    ThreadItem,
    ThreadMetadata,
    ThreadStreamEvent,
)

from assistant import clock
from assistant.ids import ID_PREFIXES, new_id, split_own_id

TOOL_ROUND = "tool_round"
# The prefix of the id of a mark, which tells it from every other task.
MARK_PREFIX = "end"
# What release 0.1.0 wrote on its marks, whose ids are those of any task. These texts are data and never change.
_EARLIER_MARKS = frozenset(
    {
        "Time ran out, this answer is incomplete.",
        "An error ended this answer, it is incomplete.",
        "This answer was cut off, it is incomplete.",
    }
)


REFUSAL = "refusal"


def refusal(thread: ThreadMetadata, answered: str | None) -> HiddenContextItem:
    """Return what marks the turn of a thread in which a guardrail has refused what came in.

    Args:
        thread: The thread.
        answered: The id of the earlier item that held it, such as a form; None for a message.
    """
    item_id = new_id(ID_PREFIXES["sdk_hidden_context"])
    content = {"type": REFUSAL} if answered is None else {"type": REFUSAL, "item": answered}
    return HiddenContextItem(id=item_id, thread_id=thread.id, created_at=clock.now(), content=content)


def is_refusal(item: ThreadItem) -> bool:
    """Tell whether an item marks a turn in which something was refused."""
    return (
        isinstance(item, HiddenContextItem) and isinstance(item.content, dict) and item.content.get("type") == REFUSAL
    )


def refused_items(items: Iterable[ThreadItem]) -> dict[str, ThreadItem]:
    """Return the refusals of earlier items among these items, by the ids of those."""
    marks = [item for item in items if isinstance(item, HiddenContextItem) and is_refusal(item)]
    return {mark.content["item"]: mark for mark in marks if "item" in mark.content}


def is_tool_round(item: ThreadItem) -> bool:
    """Tell whether an item keeps a round of tool calls."""
    return (
        isinstance(item, HiddenContextItem)
        and isinstance(item.content, dict)
        and item.content.get("type") == TOOL_ROUND
    )


def kept_calls(items: Iterable[ThreadItem]) -> set[str]:
    """Return the ids of the calls in the rounds among these items."""
    return {
        value["call_id"]
        for item in items
        if isinstance(item, HiddenContextItem) and is_tool_round(item)
        for value in item.content["items"]
        if value.get("call_id")
    }


# The content of the mark below; beside it the id of the item that held what came in, where that is no message.
UNJUDGED = "unjudged"


def is_mark(item: ThreadItem) -> bool:
    """Tell whether an item is the mark of an incomplete answer, which is for the user and not for the model."""
    if not isinstance(item, TaskItem):
        return False
    parts = split_own_id(item.id)
    if parts is not None and parts[0] == MARK_PREFIX:
        return True
    return isinstance(item.task, CustomTask) and item.task.title in _EARLIER_MARKS


def unjudged_marks(thread_id: str, operation: str, changed: Sequence[str]) -> list[ThreadItem]:
    """Return the mark of a turn that ended before its agent's guardrails had judged what came in, if anything did.

    A later turn judges that anew before its model reads it. A retry leaves its message marked as it was, and a click
    brings nothing that is judged.

    Args:
        thread_id: The thread.
        operation: The kind of request that the turn answered.
        changed: The ids of the earlier items that its claim changed: of the one that was answered.
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
    """Tell whether an item marks a turn in which nothing was judged."""
    return (
        isinstance(item, HiddenContextItem) and isinstance(item.content, dict) and item.content.get("type") == UNJUDGED
    )


def is_hidden_item(item: object) -> bool:
    """Tell whether no client may see an item."""
    return isinstance(item, HiddenContextItem | SDKHiddenContextItem)


def is_hidden(event: ThreadStreamEvent) -> bool:
    """Tell whether an event carries an item that no client may see."""
    return is_hidden_item(getattr(event, "item", None))
