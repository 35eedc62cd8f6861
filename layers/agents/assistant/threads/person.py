"""What a thread's metadata says about a person: the thread waits for one, or one answers in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from chatkit.types import ThreadMetadata

# The keys in a thread's metadata.
ASKED = "asked_for_person"
HANDLED_BY = "handled_by"

Person = Literal["asked", "answering"]

# The condition on a metadata row that no person answers in the thread, and that one does.
NOBODY_ANSWERS = "(attribute_not_exists(#person) OR #person <> :answering)"
SOMEBODY_ANSWERS = "#person = :answering"


def person_attributes(thread: ThreadMetadata) -> dict[str, str]:
    """Return the attributes of the metadata's row by which conditions know who answers in the thread."""
    handled = thread.metadata.get(HANDLED_BY)
    if isinstance(handled, dict):
        return {"person": "answering", "handler": str(handled.get("by"))}
    return {"person": "asked"} if ASKED in thread.metadata else {}


def without_person(thread: ThreadMetadata) -> ThreadMetadata:
    """Return a thread's metadata for another thread, which waits for no person."""
    kept = {name: value for name, value in thread.metadata.items() if name not in (ASKED, HANDLED_BY)}
    return thread.model_copy(update={"metadata": kept})
