"""The task tools. They reach only the caller's own tasks."""

from __future__ import annotations

from typing import Annotated

from assistant.agent import assistant_tool
from helpdesk.context import HelpdeskToolContext, caller_of
from helpdesk.effects import tasks_changed
from helpdesk.records.keys import RecordNumber
from helpdesk.records.tasks import Filter, Priority, Tasks
from helpdesk.tools.base import answer, step
from helpdesk.widgets.tasks import task_list_text, task_list_widget


def _tasks(context: HelpdeskToolContext) -> Tasks:
    return Tasks(context.context.request_context.resources.table, caller_of(context))


@assistant_tool
async def list_tasks(
    context: HelpdeskToolContext,
    filter: Annotated[Filter, "Which tasks to list."] = "all",  # noqa: A002 - the name the model sees
) -> str:
    """List the user's tasks. The list is shown to the user as a widget: do not repeat it in your answer."""
    async with step(context, "Looking up your tasks", "notebook"):
        found = await _tasks(context).list(filter)
    await context.context.stream_widget(task_list_widget(found), copy_text=task_list_text(found))
    return answer(
        displayed=True,
        note="The list is already displayed to the user. Do not repeat it; one short sentence is enough.",
        filter=found.filter,
        count=len(found.tasks),
        more=found.more,
        tasks=[
            {"id": task.number, "title": task.title, "priority": task.priority, "status": task.status}
            for task in found.tasks
        ],
    )


@assistant_tool
async def add_task(
    context: HelpdeskToolContext,
    title: Annotated[str, "What is to be done, in a few words."],
    priority: Annotated[Priority, "How urgent it is."] = "medium",
) -> str:
    """Add a task to the user's list."""
    async with step(context, "Adding the task", "plus"):
        task = await _tasks(context).add(title, priority)
    await context.context.stream(tasks_changed())
    return answer(id=task.number, title=task.title, priority=task.priority, status=task.status)


@assistant_tool
async def complete_task(
    context: HelpdeskToolContext, task_id: Annotated[RecordNumber, "The task's id, as in its #id badge."]
) -> str:
    """Mark one of the user's tasks as completed."""
    async with step(context, f"Completing task #{task_id}", "check-circle"):
        task = await _tasks(context).complete(task_id)
    await context.context.stream(tasks_changed())
    return answer(id=task.number, title=task.title, status=task.status)
