"""The tools: one of each kind that the platform treats in a way of its own."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated, Any, Literal

from agents import RunContextWrapper
from agents.tool_context import ToolContext
from chatkit.agents import AgentContext, ClientToolCall
from chatkit.types import (
    ClientEffectEvent,
    CustomTask,
    EndOfTurnItem,
    LockedStatus,
    NoticeEvent,
    ProgressUpdateEvent,
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    TaskItem,
    ThreadItemDoneEvent,
)

from assistant import clock
from assistant.agent import assistant_tool
from assistant.context import RequestContext

from . import records
from .entities import HELP
from .records import EMPLOYEES, Filter, Priority, Tasks, check_may_write, check_refundable, refund, total_of
from .widgets import header, task_list

Context = ToolContext[AgentContext[RequestContext]]
RunContext = RunContextWrapper[AgentContext[RequestContext]]


def answer(**fields: Any) -> str:
    """Return a tool's output for the model."""
    return json.dumps(fields)


async def step(context: Context, text: str) -> None:
    """Show what a tool does, as a progress text and as a step of the turn's workflow."""
    chat = context.context
    await chat.stream(ProgressUpdateEvent(text=text))
    await chat.add_workflow_task(CustomTask(title=text, status_indicator="loading"))
    assert chat.workflow_item is not None
    last = len(chat.workflow_item.workflow.tasks) - 1
    await chat.update_workflow_task(CustomTask(title=text, status_indicator="complete"), last)


def _tasks(context: RunContext) -> Tasks:
    request = context.context.request_context
    return Tasks(request.resources.table, request.caller)


@assistant_tool
async def list_tasks(context: Context, filter: Filter = "all") -> str:  # noqa: A002 - the name the model sees
    """List the user's tasks in a widget."""
    await step(context, "Looking up your tasks")
    found = await _tasks(context).list(filter)
    await context.context.stream_widget(task_list(found, filter), copy_text=header(found))
    return answer(displayed=True, tasks=[{"id": task.number, "title": task.title} for task in found])


@assistant_tool
async def add_task(context: Context, title: str, priority: Priority = "medium") -> str:
    """Add a task to the user's list."""
    await step(context, "Adding the task")
    task = await _tasks(context).add(title, priority)
    return answer(id=task.number, title=task.title, priority=task.priority)


@assistant_tool
async def complete_task(context: Context, task_id: Annotated[int, "The task's number."]) -> str:
    """Complete one of the user's tasks."""
    task = await _tasks(context).complete(task_id)
    return answer(id=task.number, title=task.title, status="completed")


@assistant_tool
async def get_employee(context: Context, employee_id: int) -> str:
    """Look up an employee by number."""
    await step(context, f"Looking up employee {employee_id}")
    name, department = EMPLOYEES.get(employee_id, ("Unknown", ""))
    return answer(id=employee_id, name=name, department=department)


@assistant_tool
async def search_help(context: Context, question: str) -> str:
    """Search the help centre."""
    await step(context, "Searching the help centre")
    return answer(articles=HELP)


@assistant_tool
async def set_theme(context: Context, theme: Literal["light", "dark"]) -> str:
    """Make the user's page light or dark."""
    await context.context.stream(ClientEffectEvent(name="set_theme", data={"theme": theme}))
    return answer(theme=theme)


def _euros(cents: int) -> str:
    return f"{cents / 100:.2f} EUR"


async def _check_refund(context: RunContext, invoice_id: int, reason: str) -> str:
    request = context.context.request_context
    check_may_write(request.caller)
    total = total_of(invoice_id)
    assert isinstance(context, ToolContext)
    await check_refundable(request.resources.table, request.caller, invoice_id, context.tool_call_id)
    return f"{_euros(total)} will be paid back for order {invoice_id + 500}."


@assistant_tool
async def get_invoice(context: Context, invoice_id: int) -> str:
    """Look up an invoice by number."""
    return answer(id=invoice_id, total=_euros(total_of(invoice_id)))


@partial(assistant_tool, needs_approval=True, check=_check_refund)
async def refund_invoice(context: Context, invoice_id: int, reason: str) -> str:
    """Refund an invoice, after the user has approved it."""
    chat, request = context.context, context.context.request_context
    await step(context, f"Refunding invoice {invoice_id}")
    await refund(request.resources.table, request.caller, invoice_id, context.tool_call_id)
    done = CustomTask(title=f"Refunded invoice {invoice_id}")
    item = TaskItem(id=chat.generate_id("task"), thread_id=chat.thread.id, created_at=clock.now(), task=done)
    await chat.stream(ThreadItemDoneEvent(item=item))
    await chat.stream(NoticeEvent(level="info", message=f"{_euros(total_of(invoice_id))} will arrive."))
    return answer(id=invoice_id, status="refunded")


@assistant_tool
async def open_ticket(context: Context, subject: str) -> str:
    """Open a ticket for the support team."""
    request = context.context.request_context
    return answer(id=await records.open_ticket(request.resources.table, request.caller, subject))


@assistant_tool
async def ask_about_problem(context: Context) -> str:
    """Ask the user in a form what is wrong."""
    chat = context.context
    since = [StructuredInputMultipleChoiceOption(value=value) for value in ("Today", "For longer")]
    form = StructuredInputItem(
        id=chat.generate_id("message"),
        thread_id=chat.thread.id,
        created_at=clock.now(),
        inputs=[
            StructuredInputFreeform(id="problem", question="What is wrong?"),
            StructuredInputMultipleChoice(id="since", question="Since when?", options=since),
        ],
    )
    end = EndOfTurnItem(id=chat.generate_id("message"), thread_id=chat.thread.id, created_at=clock.now())
    await chat.stream(ThreadItemDoneEvent(item=form))
    await chat.stream(ThreadItemDoneEvent(item=end))
    return answer(displayed=True)


@assistant_tool
async def get_browser_info(context: Context) -> str:
    """Ask the page for its language, its time zone and its clock."""
    context.context.client_tool_call = ClientToolCall(name="get_browser_info", arguments={})
    return answer(asked=True)


@assistant_tool
async def hand_to_human(context: Context, reason: str) -> str:
    """Hand the conversation to a person, and lock it."""
    context.context.thread.status = LockedStatus(reason="A person will answer you.")
    return answer(locked=True)
