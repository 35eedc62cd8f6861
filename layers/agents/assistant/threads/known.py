"""Threads as one request knows them: what a save is compared with, and what spares it a read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assistant.context import KnownThread, RequestContext
from assistant.threads.rows import load_metadata, metadata_attributes

if TYPE_CHECKING:
    from chatkit.types import ThreadMetadata

    from assistant.aws import Row
    from assistant.context import RequestContext


def remember(context: RequestContext, row: Row) -> ThreadMetadata:
    """Note a metadata row that was read, and return what it holds."""
    thread = load_metadata(row)
    context.loaded[thread.id] = KnownThread(thread.model_copy(deep=True), row)
    return thread


def new_row(thread: ThreadMetadata, place: str) -> dict[str, Any]:
    """Return the attributes of a new thread's metadata row, but for its keys and its retention."""
    return metadata_attributes(thread) | {"version": 1, "place": place}
