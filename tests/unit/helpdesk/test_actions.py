"""Clicks in widgets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chatkit.actions import Action
from chatkit.types import ThreadItemDoneEvent, ThreadItemReplacedEvent, WidgetItem

from assistant.context import Resources
from assistant.errors import InvalidRequestError, NotFoundError
from assistant.identity import Caller
from assistant.settings import Settings
from helpdesk import build_agent, handle_action, handle_sync_action
from helpdesk.records.tasks import Tasks
from tests.support.conversation import Conversation, call, say

pytestmark = pytest.mark.anyio


@pytest.fixture
async def conversation(resources: Resources, caller: Caller) -> Conversation:
    """A thread that shows the list of two tasks."""
    tasks = Tasks(resources.table, caller)
    await tasks.add("Buy milk")
    await tasks.add("Call Bob")
    conversation = await Conversation.start(resources, caller)
    steps = [call("transfer_to_tasks"), call("list_tasks"), say("Here they are.")]
    await conversation.turn(build_agent(Settings()), "list my tasks", steps)
    return conversation


def action(kind: str, payload: Any) -> Action[str, Any]:
    return Action(type=kind, payload=payload)


def rows_of(item: WidgetItem) -> list[Any]:
    rows: list[Any] = item.widget.model_dump()["children"][:-1]
    return rows


async def test_a_click_on_a_row_completes_its_task_and_the_widget_changes_in_place(
    conversation: Conversation, resources: Resources, caller: Caller
) -> None:
    (sender,) = await conversation.widgets()
    click = action(rows_of(sender)[0]["onClickAction"]["type"], rows_of(sender)[0]["onClickAction"]["payload"])
    await conversation.take(handle_action(conversation.thread, click, sender, conversation.context()))
    (event,) = (each for each in conversation.events if isinstance(each, ThreadItemReplacedEvent))
    assert event.item.id == sender.id
    (stored,) = await conversation.widgets()
    assert "lineThrough" in json.dumps(rows_of(stored)[0])
    assert rows_of(stored)[0].get("onClickAction") is None
    assert stored.widget.model_dump()["status"]["text"] == "2 tasks, 1 pending"
    assert stored.created_at == sender.created_at
    listed = await Tasks(resources.table, caller).list()
    assert [task.status for task in listed.tasks] == ["completed", "pending"]


async def test_the_same_click_again_changes_nothing(conversation: Conversation) -> None:
    (sender,) = await conversation.widgets()
    click = action("tasks.complete", {"id": 1, "filter": "all"})
    for _ in range(2):
        await conversation.take(handle_action(conversation.thread, click, sender, conversation.context()))
    (stored,) = await conversation.widgets()
    assert stored.widget.model_dump()["status"]["text"] == "2 tasks, 1 pending"


async def test_the_form_adds_a_task_and_answers_with_the_widget_as_it_is_then(conversation: Conversation) -> None:
    (sender,) = await conversation.widgets()
    submit = action("tasks.add", {"filter": "all", "title": "Water the plants", "priority": "low"})
    answer = await handle_sync_action(conversation.thread, submit, sender, conversation.context())
    assert isinstance(answer.updated_item, WidgetItem)
    assert answer.updated_item.id == sender.id
    assert len(rows_of(answer.updated_item)) == 3
    assert "Water the plants" in json.dumps(rows_of(answer.updated_item)[2])


async def test_an_action_without_a_widget_shows_a_new_one(conversation: Conversation) -> None:
    click = action("tasks.complete", {"id": 2, "filter": "pending"})
    await conversation.take(handle_action(conversation.thread, click, None, conversation.context()))
    assert [type(event) for event in conversation.events if isinstance(event, ThreadItemDoneEvent)]
    assert len(await conversation.widgets()) == 2


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("tasks.drop_all", {}),
        ("tasks.complete", None),
        ("tasks.complete", {"id": "first"}),
        ("tasks.complete", {"id": 10**10}),
        ("tasks.complete", {"id": 10**4200}),
        ("tasks.complete", {"id": -1}),
        ("tasks.complete", {"id": 0}),
        ("tasks.complete", {"id": True}),
        ("tasks.complete", {"id": "1"}),
        ("tasks.complete", {"id": 1.0}),
        ("tasks.complete", {"id": 1, "filter": "everyones"}),
        ("tasks.add", {"title": "x", "priority": "urgent"}),
        ("tasks.add", {"title": " "}),
        ("tasks.add", {"title": "a\x00b"}),
    ],
)
async def test_an_invalid_payload_is_refused_and_changes_nothing(
    conversation: Conversation, kind: str, payload: Any
) -> None:
    (sender,) = await conversation.widgets()
    with pytest.raises(InvalidRequestError):
        await handle_sync_action(conversation.thread, action(kind, payload), sender, conversation.context())
    assert await conversation.widgets() == [sender]


async def test_a_payload_reaches_nobody_elses_task(conversation: Conversation, resources: Resources) -> None:
    other = await Conversation.start(resources, Caller("acme", "bob"))
    with pytest.raises(NotFoundError):
        await handle_sync_action(other.thread, action("tasks.complete", {"id": 1}), None, other.context())
