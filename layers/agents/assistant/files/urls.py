"""URLs of attachments: short-lived and never stored.

A stored attachment has a reference with its id in place of a URL. The bucket key is made of the caller and the id, so a
stored attachment never leads to another user's file.
"""

from __future__ import annotations

import asyncio

from chatkit.types import Attachment, ImageAttachment, UserMessageItem
from pydantic import AnyUrl

from assistant.aws import keys
from assistant.context import Resources
from assistant.files.limits import READ_URL_SECONDS
from assistant.files.media import ALLOWED_MEDIA
from assistant.files.names import content_disposition
from assistant.identity import Caller
from assistant.ids import split_own_id

STORED_SCHEME = "attachment"


def object_key(caller: Caller, attachment_id: str) -> str:
    """Return the key of an attachment's bytes in the bucket."""
    return keys.attachment_prefix(caller.tenant_id, caller.user_id) + attachment_id


def is_ours(attachment_id: str) -> bool:
    """Tell whether the platform made this id. Only then the bucket has a file for it."""
    return split_own_id(attachment_id) is not None


def stored_url(attachment_id: str) -> AnyUrl:
    """Return the reference that a stored attachment has in place of a URL."""
    return AnyUrl(f"{STORED_SCHEME}:{attachment_id}")


def without_urls(attachment: Attachment) -> Attachment:
    """Return an attachment in its stored form: without an upload URL or a URL that expires."""
    changes: dict[str, object] = {"upload_descriptor": None}
    if isinstance(attachment, ImageAttachment) and is_ours(attachment.id):
        changes["preview_url"] = stored_url(attachment.id)
    return attachment.model_copy(update=changes)


async def with_fresh_urls(resources: Resources, caller: Caller, attachment: Attachment) -> Attachment:
    """Return a stored attachment with a newly signed preview URL."""
    if not isinstance(attachment, ImageAttachment) or attachment.preview_url.scheme != STORED_SCHEME:
        return attachment
    url = await read_url(resources, caller, attachment)
    return attachment.model_copy(update={"preview_url": AnyUrl(url)})


async def fresh_item(resources: Resources, caller: Caller, item: UserMessageItem) -> UserMessageItem:
    """Return a stored message with newly signed URLs of its attachments."""
    fresh = await asyncio.gather(*(with_fresh_urls(resources, caller, each) for each in item.attachments))
    return item.model_copy(update={"attachments": fresh})


async def read_url(resources: Resources, caller: Caller, attachment: Attachment) -> str:
    """Return a URL that reads an attachment for an hour.

    The bucket returns the file with its checked type, and as a download unless a browser can show the type safely. So a
    file never runs as a page.
    """
    key = object_key(caller, attachment.id)
    return await signed_url(resources, key, attachment.name, attachment.mime_type, READ_URL_SECONDS)


async def signed_url(resources: Resources, key: str, name: str, mime_type: str, seconds: int) -> str:
    """Return a URL that reads a file at a key of the bucket, as `read_url` does.

    Args:
        resources: The process's bucket.
        key: The file's key.
        name: The file's name for a download.
        mime_type: The file's checked type.
        seconds: How long the URL is valid.
    """
    media = ALLOWED_MEDIA.get(mime_type)
    return await resources.objects.presign(
        "get_object",
        key,
        seconds,
        ResponseContentType=media.name if media else "application/octet-stream",
        ResponseContentDisposition=content_disposition(media, name),
    )
