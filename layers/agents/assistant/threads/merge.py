"""Merge the changes of two writers of one thread's metadata, so that neither loses a change."""

from __future__ import annotations

from typing import Any

from chatkit.types import ThreadMetadata


def merged_metadata(
    *, base: ThreadMetadata | None, mine: ThreadMetadata, theirs: ThreadMetadata, keep_title: bool = False
) -> ThreadMetadata:
    """Merge the changes from `base` to `mine` into `theirs`, field by field and key by key of `metadata`.

    Args:
        base: The thread as this writer loaded it. None if it did not load the thread: every field that is set then
            counts as changed.
        mine: The thread as this writer wants it.
        theirs: The thread as it is in the table.
        keep_title: Whether to keep a title that another writer has stored meanwhile.

    Returns:
        The thread to write, with the id and the creation time of the table.
    """
    changes: dict[str, Any] = {}
    for name in ("title", "status", "allowed_image_domains"):
        wanted = getattr(mine, name)
        if base is None or wanted != getattr(base, name):
            changes[name] = wanted
    if keep_title and base is not None and theirs.title != base.title:
        changes.pop("title", None)
    metadata = dict(theirs.metadata)
    before = {} if base is None else base.metadata
    for key in before.keys() - mine.metadata.keys():
        metadata.pop(key, None)
    metadata |= {key: value for key, value in mine.metadata.items() if key not in before or before[key] != value}
    return theirs.model_copy(update={**changes, "metadata": metadata})
