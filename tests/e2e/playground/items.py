"""Thread items of every kind, ready to seed a thread or to be streamed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ClientToolCallItem,
    CustomSummary,
    CustomTask,
    FileAttachment,
    FileSource,
    FileTask,
    ImageTask,
    InferenceOptions,
    SearchTask,
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    Task,
    TaskItem,
    ThoughtTask,
    URLSource,
    UserMessageItem,
    UserMessageTagContent,
    UserMessageTextContent,
    WidgetItem,
    Workflow,
    WorkflowItem,
)
from chatkit.widgets import WidgetRoot


def base(thread_id: str, prefix: str, item_id: str | None = None) -> dict[str, Any]:
    """Return the fields that every item has."""
    return {"id": item_id or f"{prefix}_{uuid.uuid4().hex}", "thread_id": thread_id, "created_at": datetime.now(UTC)}


def user(thread_id: str, text: str) -> UserMessageItem:
    """Make a user's message."""
    return UserMessageItem(
        **base(thread_id, "msg"),
        content=[UserMessageTextContent(text=text)],
        inference_options=InferenceOptions(),
    )


def rich_user(thread_id: str) -> UserMessageItem:
    """Make a user's message with everything that one can have."""
    return UserMessageItem(
        **base(thread_id, "msg"),
        content=[
            UserMessageTextContent(text="What does "),
            UserMessageTagContent(id="employee-7", text="Zeeshan", data={}, interactive=True),
            UserMessageTextContent(text=" do?"),
        ],
        attachments=[FileAttachment(id="atc_1", name="contract.pdf", mime_type="application/pdf")],
        quoted_text="He was hired in May.",
        inference_options=InferenceOptions(),
    )


def assistant(thread_id: str, text: str, item_id: str | None = None) -> AssistantMessageItem:
    """Make an assistant's message; without text it has no parts yet."""
    content = [AssistantMessageContent(text=text)] if text else []
    return AssistantMessageItem(**base(thread_id, "msg", item_id), content=content)


def widget(thread_id: str, root: WidgetRoot) -> WidgetItem:
    """Make an item of a widget."""
    return WidgetItem(**base(thread_id, "wig"), widget=root)


TASKS: list[Task] = [
    CustomTask(
        title="Read the question", icon="book-open", content="It has **two** parts.", status_indicator="loading"
    ),
    SearchTask(
        title_query="tomatoes",
        queries=["tomato colour"],
        sources=[URLSource(title="On tomatoes", url="https://example.com/tomatoes")],
        status_indicator="complete",
    ),
    ThoughtTask(title="Weighing", content="Both could be right.", status_indicator="complete"),
    FileTask(
        title="Read files", sources=[FileSource(title="Herbs", filename="herbs.pdf")], status_indicator="complete"
    ),
    ImageTask(title="Drew a sketch", status_indicator="complete"),
]


def workflow(
    thread_id: str,
    tasks: list[Task],
    summary: CustomSummary | None = CustomSummary(title="Thought it through", icon="lightbulb"),  # noqa: B008 - never changed
    item_id: str | None = None,
) -> WorkflowItem:
    """Make a workflow, folded open."""
    work = Workflow(type="custom", tasks=tasks, summary=summary, expanded=True)
    return WorkflowItem(**base(thread_id, "wfl", item_id), workflow=work)


def task(thread_id: str) -> TaskItem:
    """Make a task outside a workflow."""
    return TaskItem(**base(thread_id, "tsk"), task=CustomTask(title="Sent the letter", icon="mail"))


def client_tool_call(thread_id: str, name: str) -> ClientToolCallItem:
    """Make a call of a client tool that waits for its output."""
    return ClientToolCallItem(**base(thread_id, "ctc"), call_id="call_1", name=name, arguments={"theme": "dark"})


def structured_input(thread_id: str) -> StructuredInputItem:
    """Ask three questions: one choice, several choices, free text."""
    options = [StructuredInputMultipleChoiceOption(value=value) for value in ("Red", "Green")]
    return StructuredInputItem(
        **base(thread_id, "sin"),
        inputs=[
            StructuredInputMultipleChoice(id="colour", question="Which colour?", options=options),
            StructuredInputMultipleChoice(id="sizes", question="Which sizes?", options=options, multiple=True),
            StructuredInputFreeform(id="note", question="Anything else?", description="In your own words."),
        ],
    )
