"""Generated pictures: the bucket has the bytes, the stored item has a name, and a client gets a signed URL.

A stored item has neither base64 nor a URL that expires. The picture's name starts with the thread's own prefix. So
it never leads to another user's picture, and the picture is deleted with the thread.
"""

from __future__ import annotations

import base64
import re
from datetime import timedelta

from chatkit.types import (
    GeneratedImage,
    GeneratedImageItem,
    GeneratedImageUpdated,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
)

from assistant import clock
from assistant.aws import Row, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import ModelError, NotFoundError
from assistant.files.limits import READ_URL_SECONDS
from assistant.files.media import ALLOWED_MEDIA
from assistant.files.records import SCHEMA_VERSION
from assistant.identity import Caller
from assistant.ids import uuid7

PICTURE_KIND = "picture"
# Lambda ends every call after 15 minutes, so by then no turn is still storing the picture's thread.
CHECK_AFTER = timedelta(hours=1)
# The formats that image models return.
_KINDS = ("png", "jpeg", "webp")
_STORED = re.compile(r"image:(?P<name>[0-9a-f-]{32}\.(?P<kind>png|jpeg|webp))")


def is_picture(picture: str) -> bool:
    """Tell whether base64 text from a model is a picture that can be stored."""
    return _kind_of(_decoded(picture)) is not None


async def keep_picture(picture: str, thread_id: str, context: RequestContext) -> str:
    """Store a picture in the bucket.

    Args:
        picture: PNG, JPEG or WebP, as base64.
        thread_id: The picture's thread.
        context: The request of the thread's user.

    Returns:
        The reference that a stored item has in place of a URL.

    Raises:
        ModelError: the data is not a picture.
        NotFoundError: the thread has been deleted.
    """
    return await keep_picture_bytes(_decoded(picture), thread_id, context)


async def keep_picture_bytes(body: bytes, thread_id: str, context: RequestContext) -> str:
    """Store a picture in the bucket, as `keep_picture` does.

    Args:
        body: PNG, JPEG or WebP.
        thread_id: The picture's thread.
        context: The request of the thread's user.

    Raises:
        ModelError: the data is not a picture.
        NotFoundError: the thread has been deleted.
    """
    name, media_type = _new_name(body)
    await keep_object(name, body, media_type, thread_id, context)
    return f"image:{name}"


async def put_picture(picture: str, thread_id: str, context: RequestContext) -> str:
    """Store a picture of a thread that is not shown yet. If the thread is never shown, its removal takes the picture.

    Args:
        picture: PNG, JPEG or WebP, as base64.
        thread_id: The picture's thread.
        context: The request of the thread's user.

    Returns:
        The reference that a stored item has in place of a URL.

    Raises:
        ModelError: the data is not a picture.
    """
    body = _decoded(picture)
    name, media_type = _new_name(body)
    await context.resources.objects.put(_key(name, thread_id, context.caller), body, media_type)
    return f"image:{name}"


def _new_name(body: bytes) -> tuple[str, str]:
    kind = _kind_of(body)
    if kind is None:
        raise ModelError("The generated picture is not valid. Please try again.")
    return f"{uuid7()}.{kind}", f"image/{kind}"


def _decoded(picture: str) -> bytes:
    try:
        return base64.b64decode(picture, validate=True)
    except ValueError:
        return b""


def _kind_of(body: bytes) -> str | None:
    return next((kind for kind in _KINDS if ALLOWED_MEDIA[f"image/{kind}"].matches(body)), None)


async def keep_object(name: str, body: bytes, media_type: str, thread_id: str, context: RequestContext) -> None:
    """Store an object with the thread's own prefix, so that it is deleted with the thread.

    Raises:
        NotFoundError: the thread has been deleted.
    """
    caller, objects = context.caller, context.resources.objects
    await _plan_check(context.resources, caller, thread_id, _key(name, thread_id, caller))
    await objects.put(_key(name, thread_id, caller), body, media_type)
    # A deletion that starts now finds the object. An earlier one may have listed the thread's objects already.
    thread = await _thread_row(context.resources, caller, thread_id)
    if thread is None or thread.get("deleted_at"):
        await objects.delete_many([_key(name, thread_id, caller)])
        raise NotFoundError("This thread was deleted.")


async def _plan_check(resources: Resources, owner: Caller, thread_id: str, object_key: str) -> None:
    """Store work for the sweep to check the thread again, in case this process dies before its own check."""
    row = {
        "schema_version": SCHEMA_VERSION,
        "kind": PICTURE_KIND,
        "tenant_id": owner.tenant_id,
        "user_id": owner.user_id,
        "thread_id": thread_id,
        "object": object_key,
    }
    await resources.table.put(keys.sweep_key(clock.now() + CHECK_AFTER, object_key, PICTURE_KIND), row)


async def sweep_picture(resources: Resources, row: Row) -> None:
    """Delete a picture whose thread is deleted. The caller removes the work's row.

    A thread that moves to another owner is hidden like a deleted one. Its pictures are still to be copied, and the end
    of the move removes all objects of the old thread.
    """
    thread = await _thread_row(resources, Caller(row["tenant_id"], row["user_id"]), row["thread_id"])
    if thread is None or (thread.get("deleted_at") and "moving" not in thread):
        await resources.objects.delete_many([row["object"]])


async def _thread_row(resources: Resources, owner: Caller, thread_id: str) -> Row | None:
    return await resources.table.get(Key(owner.thread(thread_id).partition, keys.META_SK))


async def drop_picture(urls: list[str], thread_id: str, context: RequestContext) -> None:
    """Delete pictures that no item shows any more, for example previews."""
    found = [match["name"] for url in urls if (match := _STORED.fullmatch(url))]
    if found:
        await context.resources.objects.delete_many([_key(name, thread_id, context.caller) for name in found])


async def as_data_url(image: GeneratedImage, thread_id: str, context: RequestContext) -> str | None:
    """Return a picture as a `data:` URL for a model, which cannot read the bucket, or None if it is missing."""
    match = _STORED.fullmatch(image.url)
    if match is None:
        return None
    try:
        body = await context.resources.objects.get(_key(match["name"], thread_id, context.caller))
    except KeyError:
        return None
    return f"data:image/{match['kind']};base64,{base64.b64encode(body).decode()}"


def picture_keys(item: ThreadItem, object_prefix: str) -> list[str]:
    """Return the bucket keys of an item: one for a picture, none for other items.

    Args:
        item: An item of any kind.
        object_prefix: The prefix of the thread's objects.
    """
    if not isinstance(item, GeneratedImageItem) or item.image is None:
        return []
    match = _STORED.fullmatch(item.image.url)
    return [] if match is None else [f"{object_prefix}{match['name']}"]


async def shown_item(item: GeneratedImageItem, context: RequestContext) -> GeneratedImageItem:
    """Return a stored item with a newly signed picture URL."""
    if item.image is None:
        return item
    return item.model_copy(update={"image": await _shown(item.image, item.thread_id, context)})


async def shown_event(event: ThreadStreamEvent, thread_id: str, context: RequestContext) -> ThreadStreamEvent:
    """Return an event with a newly signed picture URL, or unchanged if it has no picture."""
    match event:
        case ThreadItemAddedEvent() | ThreadItemDoneEvent() | ThreadItemReplacedEvent():
            if isinstance(event.item, GeneratedImageItem):
                return event.model_copy(update={"item": await shown_item(event.item, context)})
        case ThreadItemUpdatedEvent(update=GeneratedImageUpdated() as update):
            shown = await _shown(update.image, thread_id, context)
            return event.model_copy(update={"update": update.model_copy(update={"image": shown})})
        case _:
            pass
    return event


async def _shown(image: GeneratedImage, thread_id: str, context: RequestContext) -> GeneratedImage:
    match = _STORED.fullmatch(image.url)
    if match is None:
        return image
    key = _key(match["name"], thread_id, context.caller)
    return image.model_copy(
        update={"url": await context.resources.objects.presign("get_object", key, READ_URL_SECONDS)}
    )


def _key(name: str, thread_id: str, caller: Caller) -> str:
    return caller.thread(thread_id).object_prefix + name
