"""Threads and items for tests of the store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    Attachment,
    ClientToolCallItem,
    CustomTask,
    EndOfTurnItem,
    GeneratedImage,
    GeneratedImageItem,
    HiddenContextItem,
    InferenceOptions,
    SDKHiddenContextItem,
    StructuredInputAnswer,
    StructuredInputFreeform,
    StructuredInputItem,
    TaskItem,
    ThreadItem,
    ThreadMetadata,
    UserMessageItem,
    UserMessageTextContent,
    WidgetItem,
    Workflow,
    WorkflowItem,
)
from chatkit.widgets import Card, Text

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


def talk(thread_id: str, texts: Iterable[str]) -> list[ThreadItem]:
    """Return messages and answers in turn, a message first."""
    return [answered(thread_id, text) if at % 2 else said(thread_id, text) for at, text in enumerate(texts)]


def hidden(thread_id: str, text: str = "for the model") -> HiddenContextItem:
    return HiddenContextItem(id=new_id("msg"), thread_id=thread_id, created_at=now(), content=text)


def one_of_each_kind(thread_id: str) -> list[ThreadItem]:
    """Return items of all kinds that the protocol knows, the oldest first."""

    def common() -> dict[str, Any]:
        return {"id": new_id("msg"), "thread_id": thread_id, "created_at": now()}

    question = StructuredInputFreeform(id="q", question="?", answer=StructuredInputAnswer(values=["ü"]))
    return [
        said(thread_id, "ü😀\u2028"),
        AssistantMessageItem(**common(), content=[]),
        ClientToolCallItem(**common(), call_id="c", name="tool", arguments={"a": [1, None, 1.5]}, output={"b": ""}),
        WidgetItem(**common(), widget=Card(children=[Text(value="")]), copy_text="x"),
        GeneratedImageItem(**common(), image=GeneratedImage(id="i", url="data:image/png;base64,AAAA")),
        WorkflowItem(**common(), workflow=Workflow(type="custom", tasks=[CustomTask(title="t")])),
        TaskItem(**common(), task=CustomTask(title="t")),
        StructuredInputItem(**common(), status="answered", inputs=[question]),
        HiddenContextItem(**common(), content={"any": ["thing"]}),
        SDKHiddenContextItem(**common(), content="x"),
        EndOfTurnItem(**common()),
    ]
