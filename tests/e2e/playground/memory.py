"""A ChatKit store in memory, for the scripted server."""

from __future__ import annotations

from typing import TypeVar

from chatkit.store import AttachmentStore, NotFoundError, Store
from chatkit.types import (
    Attachment,
    AttachmentCreateParams,
    AttachmentUploadDescriptor,
    FileAttachment,
    ImageAttachment,
    Page,
    ThreadItem,
    ThreadMetadata,
)
from pydantic import AnyUrl

T = TypeVar("T", ThreadMetadata, ThreadItem)


class MemoryStore(Store[None]):
    """Threads, items and attachments in dictionaries, in the order they came."""

    def __init__(self) -> None:
        self.threads: dict[str, ThreadMetadata] = {}
        self.items: dict[str, dict[str, ThreadItem]] = {}
        self.attachments: dict[str, Attachment] = {}

    async def load_thread(self, thread_id: str, context: None) -> ThreadMetadata:
        if thread_id not in self.threads:
            raise NotFoundError(thread_id)
        return self.threads[thread_id].model_copy(deep=True)

    async def save_thread(self, thread: ThreadMetadata, context: None) -> None:
        # A thread may come with its items: they are stored elsewhere.
        self.threads[thread.id] = ThreadMetadata(**thread.model_dump(include=set(ThreadMetadata.model_fields)))
        self.items.setdefault(thread.id, {})

    async def load_threads(self, limit: int, after: str | None, order: str, context: None) -> Page[ThreadMetadata]:
        return _page(list(self.threads.values()), limit, after, order)

    async def delete_thread(self, thread_id: str, context: None) -> None:
        self.threads.pop(thread_id)
        self.items.pop(thread_id)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: None
    ) -> Page[ThreadItem]:
        return _page(list(self.items[thread_id].values()), limit, after, order)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: None) -> None:
        self.items[thread_id][item.id] = item

    async def save_item(self, thread_id: str, item: ThreadItem, context: None) -> None:
        self.items[thread_id][item.id] = item

    async def load_item(self, thread_id: str, item_id: str, context: None) -> ThreadItem:
        return self.items[thread_id][item_id]

    async def delete_thread_item(self, thread_id: str, item_id: str, context: None) -> None:
        self.items[thread_id].pop(item_id, None)

    async def save_attachment(self, attachment: Attachment, context: None) -> None:
        self.attachments[attachment.id] = attachment

    async def load_attachment(self, attachment_id: str, context: None) -> Attachment:
        return self.attachments[attachment_id]

    async def delete_attachment(self, attachment_id: str, context: None) -> None:
        self.attachments.pop(attachment_id)


def _page(rows: list[T], limit: int, after: str | None, order: str) -> Page[T]:
    if order == "desc":
        rows = rows[::-1]
    start = next((i + 1 for i, row in enumerate(rows) if row.id == after), 0)
    chosen = rows[start : start + limit]
    more = start + limit < len(rows)
    return Page(data=chosen, has_more=more, after=chosen[-1].id if more else None)


class MemoryFiles(AttachmentStore[None]):
    """Two-phase uploads to a bucket of another origin; the bytes end up in `content`."""

    def __init__(self, bucket_url: str) -> None:
        self.bucket_url = bucket_url
        self.content: dict[str, bytes] = {}

    async def create_attachment(self, input: AttachmentCreateParams, context: None) -> Attachment:  # noqa: A002 - SDK's
        attachment = self.describe(input.name, input.mime_type)
        attachment.upload_descriptor = AttachmentUploadDescriptor(
            url=AnyUrl(f"{self.bucket_url}/{attachment.id}"),
            method="PUT",
            headers={"content-type": input.mime_type, "if-none-match": "*"},
        )
        return attachment

    async def delete_attachment(self, attachment_id: str, context: None) -> None:
        self.content.pop(attachment_id, None)

    def describe(self, name: str, mime_type: str) -> Attachment:
        """Make the attachment of a file, with a new id."""
        attachment_id = self.generate_attachment_id(mime_type, None)
        if mime_type.startswith("image/"):
            preview = AnyUrl(f"{self.bucket_url}/{attachment_id}")
            return ImageAttachment(id=attachment_id, name=name, mime_type=mime_type, preview_url=preview)
        return FileAttachment(id=attachment_id, name=name, mime_type=mime_type)
