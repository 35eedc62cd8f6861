"""The helpdesk on the demo model: plain words reach the right specialist and tool."""

from __future__ import annotations

from typing import Any

import pytest
from chatkit.types import AssistantMessageItem, ThreadItemDoneEvent

from assistant.context import Resources
from assistant.identity import Caller
from assistant.models import build_model
from assistant.settings import Settings
from helpdesk import build_agent
from helpdesk.records.tasks import Tasks
from tests.support.conversation import Conversation

pytestmark = pytest.mark.anyio


async def ask(conversation: Conversation, text: str) -> str:
    """Return what the assistant says."""
    settings = Settings()
    await conversation.turn_on(build_agent(settings), text, build_model(settings))
    return said(conversation.events)


def said(events: list[Any]) -> str:
    items = [event.item for event in events if isinstance(event, ThreadItemDoneEvent)]
    return "".join(part.text for item in items if isinstance(item, AssistantMessageItem) for part in item.content)


async def test_tasks_are_added_completed_and_listed_by_plain_words(
    conversation: Conversation, resources: Resources, caller: Caller
) -> None:
    await ask(conversation, "add task buy milk (high)")
    await ask(conversation, "add task call Bob")
    await ask(conversation, "complete task 1")
    found = await Tasks(resources.table, caller).list()
    assert [(task.title, task.priority, task.status) for task in found.tasks] == [
        ("buy milk", "high", "completed"),
        ("call Bob", "medium", "pending"),
    ]
    answer = await ask(conversation, "list my tasks")
    assert "Bob" not in answer
    (widget,) = await conversation.widgets()
    assert widget.widget.model_dump()["status"]["text"] == "2 tasks, 1 pending"


async def test_the_first_answer_says_what_can_be_asked(conversation: Conversation) -> None:
    answer = await ask(conversation, "Hello there")
    for example in ("list my tasks", "add task buy milk (high)", "employee 7", "my invoice 501"):
        assert f'"{example}"' in answer


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("employee 7", "Zeeshan"),
        ("who is employee 4711?", "Unknown"),
        ("where is my order 1002?", "shipped"),
        ("What are your opening hours?", "9:00"),
        ('!tool get_employee {"employee_id": 7}', "Zeeshan"),
    ],
)
async def test_a_question_reaches_the_tool_that_answers_it(conversation: Conversation, text: str, fact: str) -> None:
    assert fact in await ask(conversation, text)
