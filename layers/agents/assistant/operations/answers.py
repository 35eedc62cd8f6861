"""Answers in one piece: serialised as ChatKit's server does, and no larger than their function can send.

An item may be larger than what a function that does not stream can answer. Its thread stays readable there: in its
place stands a shorter item of the same id, which says so, while the item itself is kept whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    Page,
    Thread,
    ThreadItem,
    UserMessageItem,
    UserMessageTextContent,
)
from pydantic import BaseModel

from assistant.aws import answer_size, fits
from assistant.context import RequestContext

# By so much of a text its reader knows which one it is.
EXCERPT_CHARACTERS = 2_000


def serialized(model: BaseModel) -> bytes:
    """Return a model as ChatKit's server sends it: by alias, without None, without our metadata."""
    return model.model_dump_json(by_alias=True, exclude_none=True, context={"exclude_metadata": True}).encode()


async def readable(model: Thread | Page[ThreadItem], context: RequestContext) -> bytes:
    """Return a thread or a page of items, serialised, in a size that the request's function can answer.

    As many items as need be are shortened, the largest first.
    """
    body, most = serialized(model), context.max_answer_bytes
    if most is None or fits(body, most):
        return body
    # What is that large takes a while.
    return await asyncio.to_thread(_shortened, model, most)


def _shortened(model: Thread | Page[ThreadItem], most: int) -> bytes:
    page = model.items if isinstance(model, Thread) else model
    items = list(page.data)
    sizes = [_size(item) for item in items]
    surplus = _size(model) - most
    for index in sorted(range(len(items)), key=sizes.__getitem__, reverse=True):
        if surplus <= 0:
            break
        items[index] = _in_place_of(items[index], sizes[index])
        surplus -= sizes[index] - _size(items[index])
    shorter = page.model_copy(update={"data": items})
    return serialized(model.model_copy(update={"items": shorter}) if isinstance(model, Thread) else shorter)


def _size(model: BaseModel) -> int:
    return answer_size(serialized(model).decode())


def _in_place_of(item: ThreadItem, size: int) -> ThreadItem:
    """Return what stands for an item of that many bytes: a message that begins as it does, and says that it goes on."""
    note = f"({size / 1_000_000:.1f} MB, too large for this address. All of it is kept, and shown by the stream URL.)"
    if isinstance(item, UserMessageItem):
        text = _excerpt([part.text for part in item.content])
        told = UserMessageTextContent(text=f"{text}{note}")
        return item.model_copy(update={"content": [told], "quoted_text": None})
    text = _excerpt([part.text for part in item.content]) if isinstance(item, AssistantMessageItem) else ""
    return AssistantMessageItem(
        id=item.id,
        thread_id=item.thread_id,
        created_at=item.created_at,
        content=[AssistantMessageContent(text=f"{text}{note}")],
    )


def _excerpt(texts: Sequence[str]) -> str:
    text = "\n".join(texts)[:EXCERPT_CHARACTERS]
    return f"{text} …\n\n" if text else ""
