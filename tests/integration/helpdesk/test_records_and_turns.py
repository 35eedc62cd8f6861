"""The helpdesk on the local AWS, with real races in DynamoDB."""

from __future__ import annotations

import asyncio
import json

import pytest
from chatkit.actions import Action

from assistant.context import Resources
from assistant.identity import Caller
from assistant.settings import load_settings
from helpdesk import build_agent, handle_action
from helpdesk.records.employees import Employees
from helpdesk.records.tasks import Tasks
from tests.support.aws import Aws
from tests.support.conversation import Conversation, call, say

pytestmark = pytest.mark.anyio


async def test_two_processes_that_add_at_once_share_no_number(resources: Resources, aws_environment: Aws) -> None:
    caller = Caller("acme", "racer")
    other = Resources(load_settings(aws_environment.environment()))
    writers = [Tasks(each.table, caller) for each in (resources, other)]
    added = await asyncio.gather(*(writers[index % 2].add(f"task {index}") for index in range(30)))
    assert sorted(task.number for task in added) == list(range(1, 31))
    assert len((await writers[0].list()).tasks) == 30


async def test_tenants_that_ask_at_once_each_get_the_demo_data_once(resources: Resources) -> None:
    tenants = ["one", "two", "three"] * 4
    found = await asyncio.gather(*(Employees(resources.table, tenant).get(7) for tenant in tenants))
    assert [employee.name for employee in found if employee] == ["Zeeshan"] * len(tenants)


async def test_a_task_is_added_listed_and_completed_by_a_click(resources: Resources) -> None:
    caller = Caller("acme", "ann")
    conversation = await Conversation.start(resources, caller)
    agent = build_agent(resources.settings)
    steps = [call("transfer_to_tasks"), call("add_task", title="Buy milk"), call("list_tasks"), say("Here you are.")]
    await conversation.turn(agent, "add a task and list them", steps)
    assert json.loads(conversation.tool_outputs()[-1])["count"] == 1
    (sender,) = await conversation.widgets()
    row = sender.widget.model_dump()["children"][0]
    click = Action[str, object](type=row["onClickAction"]["type"], payload=row["onClickAction"]["payload"])
    await conversation.take(handle_action(conversation.thread, click, sender, conversation.context()))
    (stored,) = await conversation.widgets()
    assert stored.widget.model_dump()["status"]["text"] == "1 task, 0 pending"
    assert [task.status for task in (await Tasks(resources.table, caller).list()).tasks] == ["completed"]
