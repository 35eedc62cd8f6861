"""What goes on in a thread beside its turns: it waits for a person or has one, and jobs run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from chatkit.types import ThreadMetadata

# The keys in a thread's metadata.
ASKED = "asked_for_person"
HANDLED_BY = "handled_by"
JOBS = "jobs"
# The key of the card of a job that runs.
JOB_RUNNING = "job.running"

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
