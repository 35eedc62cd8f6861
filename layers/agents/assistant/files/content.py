"""Convert an attachment to a part of the model's input: an image, a text, or a file."""

from __future__ import annotations

import asyncio
import codecs
from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatkit.types import Attachment

from assistant.context import RequestContext
from assistant.errors import NotFoundError
from assistant.files.limits import MAX_ATTACHMENT_BYTES, MAX_MESSAGE_BYTES, MAX_TEXT_CHARACTERS
from assistant.files.media import ALLOWED_MEDIA
from assistant.files.scan import scan_result
from assistant.files.urls import is_ours, object_key

if TYPE_CHECKING:
    from openai.types.responses import ResponseInputContentParam

_NO_ROOM = "was sent earlier and does not fit with the newer files: the user can send it again"


class FileRoom:
    """The bytes that one request to a model has left for files. Ask from the newest file to the oldest."""

    def __init__(self) -> None:
        self._left = MAX_MESSAGE_BYTES

    @property
    def is_full(self) -> bool:
        """Whether a file did not fit. No older file is accepted after that."""
        return self._left < 0

    def take(self, size: int) -> bool:
        """Count a file of this size, and tell whether it fits."""
        if not self.is_full:
            self._left -= size
        return not self.is_full


async def files_to_content(
    attachments: Sequence[Attachment], context: RequestContext, room: FileRoom
) -> list[ResponseInputContentParam]:
    """Return attachments of the caller as parts of the model's input.

    The files are loaded in parallel and accepted in their order, so the result does not depend on timing. The request
    contains the bytes, so a provider does not need access to the bucket. A file that is missing, does not fit, or does
    not match its type is replaced by a sentence for the model.

    Args:
        attachments: The attachments.
        context: The request of their user.
        room: The bytes that the request has left for files.

    Raises:
        StoreUnavailableError: S3 cannot be reached.
    """
    if room.is_full:
        return [_note(each, _NO_ROOM) for each in attachments]
    found = await asyncio.gather(*(_read(each, context) for each in attachments))
    let_in = [each if isinstance(each, str) or room.take(len(each)) else _NO_ROOM for each in found]
    # Encoding large files takes milliseconds, so do not block the event loop.
    return await asyncio.to_thread(lambda: [_part(*each) for each in zip(attachments, let_in, strict=True)])


async def read_file(attachment: Attachment, context: RequestContext) -> bytes:
    """Return the bytes of a file of the caller, for a tool.

    Raises:
        NotFoundError: It is missing, did not pass the malware scan, or does not match its type.
        StoreUnavailableError: S3 cannot be reached.
    """
    found = await _read(attachment, context)
    if isinstance(found, str):
        raise NotFoundError(f"The file {attachment.name!r} {found}.")
    return found


async def _read(attachment: Attachment, context: RequestContext) -> bytes | str:
    """Return a file's bytes, or the reason why it cannot be included."""
    media = ALLOWED_MEDIA.get(attachment.mime_type)
    if media is None or not is_ours(attachment.id):
        return "is of a type that cannot be read"
    try:
        if await scan_result(context.resources, context.caller, attachment) != "clean":
            return "did not pass the malware scan and cannot be read"
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
    """Decode a text file as UTF-8, as UTF-16 if it has a byte order mark, or else as Windows-1252."""
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
