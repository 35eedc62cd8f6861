"""The direct upload: one request carries the file, and the platform stores it in the bucket."""

from __future__ import annotations

from typing import BinaryIO

from chatkit.types import Attachment, FileAttachment, ImageAttachment

from assistant.context import Resources
from assistant.errors import InvalidRequestError, TooLargeError
from assistant.files import records
from assistant.files.limits import HEAD_BYTES, MAX_UPLOAD_BYTES
from assistant.files.media import Media, allowed_media, check_head
from assistant.files.names import safe_name
from assistant.files.urls import object_key, stored_url
from assistant.identity import Caller
from assistant.ids import new_id


def new_attachment(attachment_id: str, media: Media, name: str) -> Attachment:
    """Return a new attachment in its stored form, without URLs that expire."""
    if media.kind == "image":
        return ImageAttachment(id=attachment_id, name=name, mime_type=media.name, preview_url=stored_url(attachment_id))
    return FileAttachment(id=attachment_id, name=name, mime_type=media.name)


def check_upload(
    file: BinaryIO, *, name: str, declared_type: str, size: int, most: int = MAX_UPLOAD_BYTES
) -> tuple[Media, str]:
    """Return the type of a file and a harmless name for it. Read no more than the file's first bytes.

    Args:
        file: The bytes, from the start. The file must be seekable.
        name: The client's name for the file.
        declared_type: The media type that the client declares.
        size: The number of bytes.
        most: The greatest size. The default is for a request that carries the file.

    Raises:
        InvalidRequestError: the file is empty.
        TooLargeError: the file is larger than `most`.
        UnsupportedTypeError: the type is not allowed, or the content does not match it.
    """
    if size == 0:
        raise InvalidRequestError("An empty file cannot be attached.")
    if size > most:
        raise TooLargeError(f"A file may have at most {most / 1_000_000:g} MB here.")
    media = allowed_media(declared_type, safe_name(name))
    harmless = safe_name(name, media)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    check_head(media, head, harmless)
    return media, harmless


async def upload(
    resources: Resources,
    caller: Caller,
    file: BinaryIO,
    *,
    name: str,
    declared_type: str,
    size: int,
    most: int = MAX_UPLOAD_BYTES,
) -> Attachment:
    """Store a file and return its stored attachment. Call `with_fresh_urls` before you send it to a client.

    Args:
        resources: The process's table and bucket.
        caller: The owner of the file.
        file: As for `check_upload`, and so are the others.
        name: The client's name for the file.
        declared_type: The media type that the client declares.
        size: The number of bytes.
        most: The greatest size.

    Raises:
        InvalidRequestError, TooLargeError, UnsupportedTypeError: see `check_upload`.
    """
    media, harmless = check_upload(file, name=name, declared_type=declared_type, size=size, most=most)
    attachment = new_attachment(new_id("atc"), media, harmless)
    await records.create(resources.table, caller, attachment, size)
    await resources.objects.put(object_key(caller, attachment.id), file, media.name)
    return attachment
