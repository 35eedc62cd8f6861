"""The form of a thread that clients receive."""

from __future__ import annotations

from chatkit.types import Page, Thread, ThreadItem, ThreadMetadata


def client_thread(thread: ThreadMetadata, items: Page[ThreadItem] | None = None) -> Thread:
    """Return a thread in the form that clients receive: without `metadata`, which is private to the backend."""
    return Thread(
        id=thread.id,
        title=thread.title,
        created_at=thread.created_at,
        status=thread.status,
        allowed_image_domains=thread.allowed_image_domains,
        items=items or Page[ThreadItem](),
    )
