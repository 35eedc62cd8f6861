"""The pictures and files of an imported item: stored in the bucket, or left out with a note."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from chatkit.types import (
    AssistantMessageItem,
    Attachment,
    GeneratedImageItem,
    ThreadItem,
    URLSource,
    UserMessageItem,
)

from assistant.context import RequestContext
from assistant.errors import AssistantError, InvalidRequestError, ModelError, TooLargeError, UnsupportedTypeError
from assistant.files import MAX_ATTACHMENT_BYTES, cites_files, put_picture, upload
from scripts.importing.source import Source

# A stored item has these in place of a URL. Their objects belong to another thread.
_STORED_PICTURE, _STORED_FILE = "image:", "file:"
_DATA_URL = "data:"


@dataclass
class Content:
    """What the items of a thread have brought along.

    Attributes:
        attachments: The attachments that were uploaded and belong to no thread yet.
        notes: What was left out.
    """

    attachments: list[Attachment] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many files were uploaded."""
        return len(self.attachments)


async def prepared_item(item: ThreadItem, context: RequestContext, source: Source, content: Content) -> ThreadItem:
    """Return an item as it can be stored, after its pictures and files are in the bucket.

    Args:
        item: The item. Its thread is the new one.
        context: The request of the thread's user.
        source: Where the files are.
        content: Gets the attachments and the notes.

    Raises:
        InvalidRequestError: a picture is no picture.
    """
    match item:
        case UserMessageItem(attachments=[_, *_]):
            return item.model_copy(update={"attachments": await _attachments(item, context, source, content)})
        case GeneratedImageItem() if item.image is not None:
            return await _picture(item, context, content)
        case AssistantMessageItem() if cites_files(item):
            return _without_files(item, content)
        case _:
            return item


async def _attachments(
    item: UserMessageItem, context: RequestContext, source: Source, content: Content
) -> list[Attachment]:
    uploaded: list[Attachment] = []
    for attachment in item.attachments:
        named = f"item {item.id}: the attachment {attachment.id} ({attachment.name})"
        path = source.file(attachment.id)
        if path is None:
            content.notes.append(f"{named} has no file here, skipped")
            continue
        try:
            with _opened(path) as file:
                uploaded.append(
                    await upload(
                        context.resources,
                        context.caller,
                        file,
                        name=attachment.name,
                        declared_type=attachment.mime_type,
                        size=path.stat().st_size,
                        most=MAX_ATTACHMENT_BYTES,
                    )
                )
        except (InvalidRequestError, TooLargeError, UnsupportedTypeError) as error:
            content.notes.append(f"{named} is skipped: {_said(error)}")
    content.attachments += uploaded
    return uploaded


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


def _said(error: AssistantError) -> str:
    return error.message


async def _picture(item: GeneratedImageItem, context: RequestContext, content: Content) -> GeneratedImageItem:
    assert item.image is not None  # noqa: S101 - for the type checker: the caller has looked
    url = item.image.url
    if url.startswith(_STORED_PICTURE):
        content.notes.append(f"item {item.id}: the picture is not in the document, skipped")
        return item.model_copy(update={"image": None})
    if not url.startswith(_DATA_URL):
        return item
    try:
        stored = await put_picture(url.partition(",")[2], item.thread_id, context)
    except ModelError:
        raise InvalidRequestError(f"The picture of item {item.id} is not PNG, JPEG or WebP.") from None
    return item.model_copy(update={"image": item.image.model_copy(update={"url": stored})})


def _without_files(item: AssistantMessageItem, content: Content) -> AssistantMessageItem:
    content.notes.append(f"item {item.id}: files that a tool has written are not in the document, skipped")
    parts = []
    for part in item.content:
        kept = [
            each
            for each in part.annotations
            if not (isinstance(each.source, URLSource) and each.source.url.startswith(_STORED_FILE))
        ]
        parts.append(part.model_copy(update={"annotations": kept}))
    return item.model_copy(update={"content": parts})
