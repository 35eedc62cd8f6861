"""Serialise the answers of the operations, and shorten those that are too large for their function.

A stored item may be larger than a function without streaming can send. That function sends a shorter item with the same
id and a note. The stored item does not change.
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

# Enough text for a reader to recognise the item.
EXCERPT_CHARACTERS = 2_000


def serialized(model: BaseModel) -> bytes:
    """Return a model as ChatKit's server serialises it, without our metadata."""
    return model.model_dump_json(by_alias=True, exclude_none=True, context={"exclude_metadata": True}).encode()


async def readable(model: Thread | Page[ThreadItem], context: RequestContext) -> bytes:
    """Serialise a thread or a page of items. Shorten its largest items until the request's function can send it."""
    body, most = serialized(model), context.max_answer_bytes
    if most is None or fits(body, most):
        return body
    # In a thread, because serialising several megabytes blocks the event loop.
    return await asyncio.to_thread(_shortened, model, most)


def _shortened(model: Thread | Page[ThreadItem], most: int) -> bytes:
    page = model.items if isinstance(model, Thread) else model
    items = list(page.data)
    sizes = [_size(item) for item in items]
    surplus = _size(model) - most
    for index in sorted(range(len(items)), key=sizes.__getitem__, reverse=True):
        if surplus <= 0:
            break
        items[index] = _shortened_item(items[index], sizes[index])
        surplus -= sizes[index] - _size(items[index])
    shorter = page.model_copy(update={"data": items})
    return serialized(model.model_copy(update={"items": shorter}) if isinstance(model, Thread) else shorter)


def _size(model: BaseModel) -> int:
    return answer_size(serialized(model).decode())


def _shortened_item(item: ThreadItem, size: int) -> ThreadItem:
    """Return a message with the start of the item's text and a note on the size of the whole item."""
    note = f"(This item is too long to show here: {size / 1_000_000:.1f} MB. All of it is saved.)"
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
