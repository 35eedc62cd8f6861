"""An attachment as the model gets it: an image, a text, or a file."""

from __future__ import annotations

import codecs
from base64 import b64encode
from typing import TYPE_CHECKING

from chatkit.types import Attachment

from assistant.attachments.limits import MAX_ATTACHMENT_BYTES, MAX_TEXT_CHARACTERS
from assistant.attachments.media import ALLOWED_MEDIA
from assistant.attachments.urls import is_ours, object_key
from assistant.context import RequestContext

if TYPE_CHECKING:
    from openai.types.responses import ResponseInputContentParam


async def attachment_to_content(attachment: Attachment, context: RequestContext) -> ResponseInputContentParam:
    """Return an attachment of the caller's as a part of the model's input.

    Bytes travel inside the request, so that no provider needs to reach the bucket. A file that is gone, or is
    not what it claimed to be, becomes a sentence that says so: the conversation goes on without it.

    Raises:
        StoreUnavailableError: S3 is out of reach.
    """
    media = ALLOWED_MEDIA.get(attachment.mime_type)
    if media is None or not is_ours(attachment.id):
        return _note(attachment, "is of a type that cannot be read")
    try:
        body = await context.resources.objects.get(object_key(context.caller, attachment.id))
    except KeyError:
        return _note(attachment, "is no longer available")
    if len(body) > MAX_ATTACHMENT_BYTES or not media.matches(body):
        return _note(attachment, "cannot be read")
    match media.kind:
        case "image":
            return {"type": "input_image", "detail": "auto", "image_url": _data_url(media.name, body)}
        case "text":
            return _text(attachment, decoded(body))
        case "document":
            return {
                "type": "input_file",
                "filename": attachment.name,
                "file_data": _data_url(media.name, body),
            }


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
