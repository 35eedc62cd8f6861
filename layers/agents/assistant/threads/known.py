"""Remember the threads that one request has read. A later save compares its thread with the remembered one and does not
read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assistant.context import KnownThread, RequestContext
from assistant.threads.rows import load_metadata, metadata_attributes

if TYPE_CHECKING:
    from chatkit.types import ThreadMetadata

    from assistant.aws import Row
    from assistant.context import RequestContext


def remember(context: RequestContext, row: Row) -> ThreadMetadata:
    """Note a metadata row that this request has read, and return its thread."""
    thread = load_metadata(row)
    context.loaded[thread.id] = KnownThread(thread.model_copy(deep=True), row)
    return thread


def new_row(thread: ThreadMetadata, place: str) -> dict[str, Any]:
    """Return the attributes of a new thread's metadata row, without its keys and its expiry."""
    return metadata_attributes(thread) | {"version": 1, "place": place}
