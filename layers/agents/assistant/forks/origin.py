"""What a fork's metadata says about its source, and the ids of the copies."""

from __future__ import annotations

from hashlib import sha256

from chatkit.types import ThreadMetadata

from assistant.ids import split_own_id

# The key in a thread's metadata: the source's `thread_id`, the `item_id` of the request, and whether the copy ends
# `before` that item.
FORKED_FROM = "forked_from"


def copied_id(fork_id: str, source_id: str) -> str:
    """Return the id of the copy of an item or a file. It is the same each time, so an interrupted copy can continue.

    A copy of an id of this project keeps the source's time, so the copies have the order of the sources.
    """
    digest = sha256(f"{fork_id}\n{source_id}".encode()).hexdigest()
    parts = split_own_id(source_id)
    if parts is None:
        return f"fork-{digest[:32]}"
    prefix, uuid = parts
    return f"{prefix}_{uuid[:16]}8{digest[:15]}"


def origin_of(thread: ThreadMetadata) -> dict[str, object] | None:
    """Return what a thread was forked from; None for a thread that is no fork."""
    origin = thread.metadata.get(FORKED_FROM)
    return origin if isinstance(origin, dict) else None
