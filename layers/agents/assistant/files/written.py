"""Files that a model's tool has written: the bucket has the bytes, a citation names them, a client gets a link."""

from __future__ import annotations

import re

from chatkit.types import Annotation, AssistantMessageItem, ThreadItem, URLSource

from assistant.context import RequestContext
from assistant.files.images import keep_object, picture_keys
from assistant.files.limits import READ_URL_SECONDS
from assistant.files.names import content_disposition, safe_name
from assistant.ids import uuid7

_STORED = re.compile(r"file:(?P<name>[0-9a-f-]{32})")


async def keep_file(name: str, body: bytes, index: int | None, thread_id: str, context: RequestContext) -> Annotation:
    """Store a file in the bucket, and return the citation that a stored message has.

    Args:
        name: The file's name.
        body: Its bytes.
        index: The place of the citation in the text.
        thread_id: The file's thread, with which it is deleted.
        context: The request of the thread's user.

    Raises:
        NotFoundError: the thread has been deleted.
    """
    stored = str(uuid7())
    await keep_object(stored, body, "application/octet-stream", thread_id, context)
    return Annotation(source=URLSource(url=f"file:{stored}", title=safe_name(name)), index=index)


def object_keys(item: ThreadItem, object_prefix: str) -> list[str]:
    """Return the bucket keys of an item: of a picture, or of the files that a message cites.

    Args:
        item: An item of any kind.
        object_prefix: The prefix of the thread's objects.
    """
    if not isinstance(item, AssistantMessageItem):
        return picture_keys(item, object_prefix)
    found = [_stored(each) for part in item.content for each in part.annotations]
    return [f"{object_prefix}{match['name']}" for match in found if match is not None]


def cites_files(item: AssistantMessageItem) -> bool:
    """Tell whether a stored message cites files in the bucket."""
    return any(_stored(each) is not None for part in item.content for each in part.annotations)


async def shown_message(item: AssistantMessageItem, context: RequestContext) -> AssistantMessageItem:
    """Return a stored message with newly signed URLs of its files."""
    content = []
    for part in item.content:
        shown = [await _shown(each, item.thread_id, context) for each in part.annotations]
        content.append(part.model_copy(update={"annotations": shown}))
    return item.model_copy(update={"content": content})


def _stored(annotation: Annotation) -> re.Match[str] | None:
    source = annotation.source
    return _STORED.fullmatch(source.url) if isinstance(source, URLSource) else None


async def _shown(annotation: Annotation, thread_id: str, context: RequestContext) -> Annotation:
    match = _stored(annotation)
    if match is None:
        return annotation
    key = context.caller.thread(thread_id).object_prefix + match["name"]
    disposition = content_disposition(None, annotation.source.title)
    url = await context.resources.objects.presign(
        "get_object", key, READ_URL_SECONDS, ResponseContentDisposition=disposition
    )
    return annotation.model_copy(update={"source": annotation.source.model_copy(update={"url": url})})
