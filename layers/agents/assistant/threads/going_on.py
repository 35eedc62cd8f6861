"""What goes on in a thread beside its turns: it waits for a person or has one, and jobs run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from assistant import clock
from assistant.ids import new_id, split_own_id

if TYPE_CHECKING:
    from chatkit.types import AssistantMessageItem, ThreadMetadata

# The keys in a thread's metadata.
ASKED = "asked_for_person"
HANDLED_BY = "handled_by"
JOBS = "jobs"
# The key of the card of a job that runs.
JOB_RUNNING = "job.running"

# The prefixes of the ids of items that no agent has written. A user or a model cannot choose an item's id.
STATUS_PREFIX, PERSON_PREFIX = "status", "person"
PERSON_LEFT = "The assistant answers here again."

Person = Literal["asked", "answering"]

# The condition on a metadata row that no person answers in the thread, and that one does.
NOBODY_ANSWERS = "(attribute_not_exists(#person) OR #person <> :answering)"
SOMEBODY_ANSWERS = "#person = :answering"


def going_on_attributes(thread: ThreadMetadata) -> dict[str, str]:
    """Return the attributes of the metadata's row by which conditions and reads know what goes on."""
    working = {"working": "yes"} if thread.metadata.get(JOBS) else {}
    handled = thread.metadata.get(HANDLED_BY)
    if isinstance(handled, dict):
        return {**working, "person": "answering", "handler": str(handled.get("by"))}
    return {**working, "person": "asked"} if ASKED in thread.metadata else working


def left_alone(thread: ThreadMetadata) -> ThreadMetadata:
    """Return a thread's metadata for another thread, in which nothing goes on."""
    kept = {name: value for name, value in thread.metadata.items() if name not in (ASKED, HANDLED_BY, JOBS)}
    return thread.model_copy(update={"metadata": kept})


def line_of(prefix: str, thread_id: str, text: str) -> AssistantMessageItem:
    """Return a new item with a line about who answers, or with a person's words.

    Args:
        prefix: `STATUS_PREFIX` or `PERSON_PREFIX`.
        thread_id: The thread.
        text: The text in Markdown.
    """
    from chatkit.types import AssistantMessageContent, AssistantMessageItem

    content = [AssistantMessageContent(text=text)]
    return AssistantMessageItem(id=new_id(prefix), thread_id=thread_id, created_at=clock.now(), content=content)


def is_status(item_id: str) -> bool:
    """Tell whether an item says who answers in its thread."""
    return _has_prefix(item_id, STATUS_PREFIX)


def is_by_person(item_id: str) -> bool:
    """Tell whether an item has the words of a person of the staff."""
    return _has_prefix(item_id, PERSON_PREFIX)


def _has_prefix(item_id: str, prefix: str) -> bool:
    parts = split_own_id(item_id)
    return parts is not None and parts[0] == prefix
