"""Read a thread from its JSON document, and check it with ChatKit's own types.

There are three forms: ChatKit's `Thread`, a document of `make export`, and `{"thread": …, "items": […]}` with objects
of OpenAI's ChatKit API.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chatkit.types import ThreadItem, ThreadMetadata
from pydantic import ValidationError

from assistant import clock
from assistant.operations.dispatch import MAX_TITLE_CHARACTERS
from assistant.threads.rows import item_adapter
from scripts.importing import hosted

# The clocks of two machines differ by less. A later time would sort new messages before the imported ones.
CLOCK_DIFFERENCE = timedelta(minutes=5)


class BadThreadError(Exception):
    """A thread cannot be imported. The text says why."""


@dataclass(frozen=True)
class ReadThread:
    """A thread that can be stored.

    Attributes:
        metadata: The thread without its items.
        items: The items, the oldest first.
        notes: What the import leaves out or changes.
    """

    metadata: ThreadMetadata
    items: list[ThreadItem]
    notes: list[str] = field(default_factory=list)


def read_document(text: bytes) -> ReadThread:
    """Return the thread in a document.

    Raises:
        BadThreadError: it has none.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadThreadError(f"not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadThreadError("not a JSON object")
    # In the third form and in an export, the metadata stands in an object of its own.
    head = document.get("thread", document)
    if not isinstance(head, dict):
        raise BadThreadError("thread: not a JSON object")
    found, from_openai = _items(document), head.get("object") == hosted.THREAD
    try:
        metadata = hosted.thread(head) if from_openai else ThreadMetadata.model_validate(head)
    except ValidationError as error:
        raise BadThreadError(_said(error)) from None
    named = f"thread {metadata.id}"
    metadata.created_at = _utc(metadata.created_at, named)
    read = ReadThread(metadata, [])
    if metadata.title is not None and len(metadata.title) > MAX_TITLE_CHARACTERS:
        metadata.title = metadata.title[:MAX_TITLE_CHARACTERS]
        read.notes.append(f"{named}: the title is cut to {MAX_TITLE_CHARACTERS} characters")
    for number, each in enumerate(found):
        place = f"{named}: items.{number}"
        if isinstance(each, dict) and each.get("lost"):
            read.notes.append(f"{place}: the export has lost its content, skipped")
            continue
        read.items.append(_item(each, metadata.id, place, from_openai=from_openai))
    _check_ids(read)
    _sort(read.items)
    return read


def _items(document: dict[str, Any]) -> list[Any]:
    items = document.get("items", [])
    if isinstance(items, dict):
        # A page of ChatKit or of OpenAI's API.
        if items.get("has_more"):
            raise BadThreadError("items: has_more is true, so items are missing")
        items = items.get("data")
    if not isinstance(items, list):
        raise BadThreadError("items: neither a list nor a page")
    return items


def _item(value: Any, thread_id: str, place: str, *, from_openai: bool) -> ThreadItem:
    if not isinstance(value, dict):
        raise BadThreadError(f"{place}: not a JSON object")
    named = f"{place} ({value.get('id')})"
    try:
        item = hosted.item(value) if from_openai else item_adapter().validate_python({**value, "thread_id": thread_id})
    except ValidationError as error:
        raise BadThreadError(f"{named}: {_said(error)}") from None
    except hosted.NotConvertedError as error:
        raise BadThreadError(f"{named}: {error}") from None
    item.created_at = _utc(item.created_at, named)
    return item


def _utc(moment: datetime, named: str) -> datetime:
    """Return a time in UTC. ChatKit's server writes times without an offset; a server's clock has UTC."""
    known = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if known > clock.now() + CLOCK_DIFFERENCE:
        raise BadThreadError(f"{named}: created_at is in the future")
    return known


def _check_ids(read: ReadThread) -> None:
    seen = set()
    for item in read.items:
        if item.id in seen:
            raise BadThreadError(f"thread {read.metadata.id}: two items have the id {item.id}")
        seen.add(item.id)


def _sort(items: list[ThreadItem]) -> None:
    """Sort items by time, the oldest first. Items of the same time keep the order of the list."""
    if items and items[0].created_at > items[-1].created_at:
        items.reverse()
    items.sort(key=lambda item: item.created_at)


def _said(error: ValidationError) -> str:
    """Return the first problem in words, without the values of the document."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
