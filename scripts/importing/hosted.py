"""Convert threads and items of OpenAI's ChatKit API to ChatKit's own types.

The types are those of the openai package: `client.beta.chatkit.threads.list` and `.list_items` return them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, assert_never

from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageItem,
    Attachment,
    ClientToolCallItem,
    CustomTask,
    FileAttachment,
    FileSource,
    InferenceOptions,
    TaskItem,
    ThoughtTask,
    ThreadItem,
    ThreadMetadata,
    ToolChoice,
    URLSource,
    UserMessageContent,
    UserMessageItem,
    UserMessageTextContent,
    WidgetItem,
    Workflow,
    WorkflowItem,
)
from openai.types.beta.chatkit import (
    ChatKitAttachment,
    ChatKitResponseOutputText,
    ChatKitThread,
    ChatKitThreadAssistantMessageItem,
    ChatKitThreadUserMessageItem,
    ChatKitWidgetItem,
)
from openai.types.beta.chatkit.chatkit_thread_item_list import (
    Data,
    DataChatKitClientToolCall,
    DataChatKitTask,
    DataChatKitTaskGroup,
    DataChatKitTaskGroupTask,
)
from pydantic import Field, TypeAdapter

# The value of `object` in a thread of the API.
THREAD = "chatkit.thread"


class NotConvertedError(Exception):
    """An item has a value that ChatKit's types do not have. The text says which."""


@cache
def _adapter() -> TypeAdapter[Any]:
    # `type` decides, so that an error names the fields of one type only.
    return TypeAdapter(Annotated[Data, Field(discriminator="type")])


def thread(value: dict[str, Any]) -> ThreadMetadata:
    """Return a thread of the API.

    Raises:
        ValidationError: it is none.
    """
    found = ChatKitThread.model_validate(value)
    return ThreadMetadata.model_validate(
        {
            "id": found.id,
            "title": found.title,
            "created_at": _moment(found.created_at),
            "status": found.status.model_dump(),
        }
    )


def item(value: dict[str, Any]) -> ThreadItem:
    """Return an item of the API.

    Raises:
        ValidationError: it is none.
        NotConvertedError: a text in it is not the JSON that it should be.
    """
    found: Data = _adapter().validate_python(value)
    common: dict[str, Any] = {
        "id": found.id,
        "thread_id": found.thread_id,
        "created_at": _moment(found.created_at),
    }
    match found:
        case ChatKitThreadUserMessageItem():
            return _user_message(found, common)
        case ChatKitThreadAssistantMessageItem():
            return AssistantMessageItem(**common, content=[_text(part) for part in found.content])
        case ChatKitWidgetItem():
            return WidgetItem(**common, widget=_json(found.widget, "widget"))
        case DataChatKitClientToolCall():
            return ClientToolCallItem(
                **common,
                call_id=found.call_id,
                name=found.name,
                status="completed" if found.status == "completed" else "pending",
                arguments=_json(found.arguments, "arguments"),
                output=None if found.output is None else _json(found.output, "output"),
            )
        case DataChatKitTask():
            return TaskItem(**common, task=_task(found.task_type, found.heading, found.summary))
        case DataChatKitTaskGroup():
            return WorkflowItem(**common, workflow=_workflow(found.tasks))
        case _:
            assert_never(found)


def _user_message(found: ChatKitThreadUserMessageItem, common: dict[str, Any]) -> UserMessageItem:
    content: list[UserMessageContent] = [
        UserMessageTextContent(text=part.text) for part in found.content if part.type == "input_text"
    ]
    quoted = "\n".join(part.text for part in found.content if part.type == "quoted_text")
    chosen = found.inference_options
    tool = chosen.tool_choice if chosen else None
    return UserMessageItem(
        **common,
        content=content,
        quoted_text=quoted or None,
        attachments=[_attachment(each) for each in found.attachments],
        inference_options=InferenceOptions(
            model=chosen.model if chosen else None, tool_choice=ToolChoice(id=tool.id) if tool else None
        ),
    )


def _attachment(found: ChatKitAttachment) -> Attachment:
    """Return an attachment. The kind does not matter: the upload decides it by the file's type."""
    return FileAttachment(id=found.id, name=found.name, mime_type=found.mime_type)


def _text(part: ChatKitResponseOutputText) -> AssistantMessageContent:
    annotations = []
    for each in part.annotations:
        if each.type == "file":
            name = each.source.filename
            annotations.append(Annotation(source=FileSource(title=name, filename=name)))
        else:
            annotations.append(Annotation(source=URLSource(title=each.source.url, url=each.source.url)))
    return AssistantMessageContent(text=part.text, annotations=annotations)


def _workflow(tasks: list[DataChatKitTaskGroupTask]) -> Workflow:
    thoughts = all(each.type == "thought" for each in tasks)
    return Workflow(
        type="reasoning" if tasks and thoughts else "custom",
        tasks=[_task(each.type, each.heading, each.summary) for each in tasks],
    )


def _task(kind: str, heading: str | None, summary: str | None) -> CustomTask | ThoughtTask:
    if kind == "thought":
        return ThoughtTask(title=heading, content=summary or "")
    return CustomTask(title=heading, content=summary)


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NotConvertedError(f"{name}: not valid JSON") from None


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
