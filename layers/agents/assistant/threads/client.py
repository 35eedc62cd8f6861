"""Threads as clients see them."""

from __future__ import annotations

from chatkit.types import Page, Thread, ThreadItem, ThreadMetadata


def client_thread(thread: ThreadMetadata, items: Page[ThreadItem] | None = None) -> Thread:
    """Return a thread as clients see it: without the metadata, which is ours."""
    return Thread(
        id=thread.id,
        title=thread.title,
        created_at=thread.created_at,
        status=thread.status,
        allowed_image_domains=thread.allowed_image_domains,
        items=items or Page[ThreadItem](),
    )
