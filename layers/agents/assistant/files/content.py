"""An attachment as the model gets it: an image, a text, or a file."""

from __future__ import annotations

import asyncio
import codecs
from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatkit.types import Attachment

from assistant.context import RequestContext
from assistant.files.limits import MAX_ATTACHMENT_BYTES, MAX_MESSAGE_BYTES, MAX_TEXT_CHARACTERS
from assistant.files.media import ALLOWED_MEDIA
from assistant.files.urls import is_ours, object_key

if TYPE_CHECKING:
    from openai.types.responses import ResponseInputContentParam

_NO_ROOM = "was sent earlier and does not fit beside newer files: the user can send it again"


class FileRoom:
    """What one request to a model has left for files, which are asked for from the newest to the oldest."""

    def __init__(self) -> None:
        self._left = MAX_MESSAGE_BYTES

    @property
    def is_full(self) -> bool:
        """Whether a file did not fit: no older one is let in after that."""
        return self._left < 0

    def take(self, size: int) -> bool:
        """Tell whether a file of so many bytes fits, and count it."""
        if not self.is_full:
            self._left -= size
        return not self.is_full


async def files_to_content(
    attachments: Sequence[Attachment], context: RequestContext, room: FileRoom
) -> list[ResponseInputContentParam]:
    """Return attachments of the caller's, such as a message's, as parts of the model's input.

    They are fetched at once, and let in by their order: what a model gets does not depend on which came first. Their
    bytes travel inside the request, so that no provider needs to reach the bucket. A file that is gone, does not fit
    beside newer ones, or is not what it claimed to be, becomes a sentence that says so: the conversation goes on.

    Args:
        attachments: The attachments.
        context: Whose they are.
        room: What the request has left for files.

    Raises:
        StoreUnavailableError: S3 is out of reach.
    """
    if room.is_full:
        return [_note(each, _NO_ROOM) for each in attachments]
    found = await asyncio.gather(*(_read(each, context) for each in attachments))
    let_in = [each if isinstance(each, str) or room.take(len(each)) else _NO_ROOM for each in found]
    # What may be that large takes milliseconds.
    return await asyncio.to_thread(lambda: [_part(*each) for each in zip(attachments, let_in, strict=True)])


async def _read(attachment: Attachment, context: RequestContext) -> bytes | str:
    """Return a file's bytes, or what is to be said of it where it cannot be given."""
    media = ALLOWED_MEDIA.get(attachment.mime_type)
    if media is None or not is_ours(attachment.id):
        return "is of a type that cannot be read"
    try:
        body = await context.resources.objects.get(object_key(context.caller, attachment.id))
    except KeyError:
        return "is no longer available"
    if len(body) > MAX_ATTACHMENT_BYTES or not media.matches(body):
        return "cannot be read"
    return body


def _part(attachment: Attachment, body: bytes | str) -> ResponseInputContentParam:
    if isinstance(body, str):
        return _note(attachment, body)
    media = ALLOWED_MEDIA[attachment.mime_type]
    match media.kind:
        case "image":
            return {"type": "input_image", "detail": "auto", "image_url": _data_url(media.name, body)}
        case "text":
            return _text(attachment, decoded(body))
        case "document":
            return {"type": "input_file", "filename": attachment.name, "file_data": _data_url(media.name, body)}


def decoded(body: bytes) -> str:
    """Return a text file's text: UTF-8, UTF-16 with its mark, or else Windows' Western code page."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", errors="replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", errors="replace")


def _data_url(media_type: str, body: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(body).decode()}"


def _text(attachment: Attachment, text: str) -> ResponseInputContentParam:
    shown = text[:MAX_TEXT_CHARACTERS]
    cut = f"\n[Cut after {MAX_TEXT_CHARACTERS} characters.]" if len(text) > len(shown) else ""
    return {"type": "input_text", "text": f"[The file '{attachment.name}':]\n{shown}{cut}\n[End of the file.]"}


def _note(attachment: Attachment, what: str) -> ResponseInputContentParam:
    return {"type": "input_text", "text": f"[The file '{attachment.name}' {what}.]"}
