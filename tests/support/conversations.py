"""Threads and items for tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    Attachment,
    HiddenContextItem,
    InferenceOptions,
    ThreadMetadata,
    UserMessageItem,
    UserMessageTextContent,
)

from assistant.ids import new_id


def now() -> datetime:
    return datetime.now(UTC)


def new_thread(thread_id: str | None = None, **fields: Any) -> ThreadMetadata:
    return ThreadMetadata(id=thread_id or new_id("thr"), **{"created_at": now(), **fields})


def said(
    thread_id: str,
    text: str = "Hello",
    item_id: str | None = None,
    created_at: datetime | None = None,
    attachments: list[Attachment] | None = None,
) -> UserMessageItem:
    return UserMessageItem(
        id=item_id or new_id("msg"),
        thread_id=thread_id,
        created_at=created_at or now(),
        content=[UserMessageTextContent(text=text)],
        attachments=attachments or [],
        inference_options=InferenceOptions(),
    )


def answered(thread_id: str, text: str = "Hi", item_id: str | None = None) -> AssistantMessageItem:
    return AssistantMessageItem(
        id=item_id or new_id("msg"),
        thread_id=thread_id,
        created_at=now(),
        content=[AssistantMessageContent(text=text)],
    )


def hidden(thread_id: str, text: str = "for the model") -> HiddenContextItem:
    return HiddenContextItem(id=new_id("msg"), thread_id=thread_id, created_at=now(), content=text)
