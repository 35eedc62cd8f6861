"""Which message a thread's title was written from. A title that the user has set belongs to none."""

from __future__ import annotations

from hashlib import sha256

from chatkit.types import ThreadMetadata

# The key in a thread's metadata: the message's id and a digest of the title. A title with another digest is the user's.
TITLE_OF = "title_of"


def note_title(thread: ThreadMetadata, item_id: str) -> None:
    """Note that a model has written the thread's title from this message."""
    thread.metadata[TITLE_OF] = {"item": item_id, "digest": _digest(thread)}


def is_title_of(thread: ThreadMetadata, item_id: str) -> bool:
    """Tell whether a model has written the thread's title from this message, and the user has not changed it."""
    return thread.title is not None and thread.metadata.get(TITLE_OF) == {"item": item_id, "digest": _digest(thread)}


def _digest(thread: ThreadMetadata) -> str:
    return sha256((thread.title or "").encode()).hexdigest()[:16]
