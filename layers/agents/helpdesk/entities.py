"""Mentions with @: the user's own tasks and the tenant's employees.

Only the id of a mention, such as `task-3`, comes from the page. Title and facts are read from the caller's records, so
a page cannot send the model invented facts.
"""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Any

from chatkit.widgets import DynamicWidgetRoot

from assistant.context import RequestContext
from assistant.errors import NotFoundError
from helpdesk.permissions import grants_of
from helpdesk.records.employees import Employee, Employees
from helpdesk.records.keys import read_number
from helpdesk.records.tasks import Task, Tasks
from helpdesk.widgets.parts import part, root, text

# The length of the menu. A user who wants fewer results types more.
MAX_FOUND = 10

Entity = dict[str, Any]
"""An entity as ChatKit's `onTagSearch` returns it: id, title, group, icon, interactive."""


async def search_entities(query: str, context: RequestContext) -> list[Entity]:
    """Return the tasks and employees whose title or name contains the query, at most `MAX_FOUND` of each."""
    wanted = _searchable(query.strip())
    tasks, employees = await asyncio.gather(_tasks(context).list(), _employees(context).all())
    found = [_task_entity(task) for task in tasks.tasks if wanted in _searchable(task.title)][:MAX_FOUND]
    found += [_employee_entity(each) for each in employees if wanted in _searchable(each.name)][:MAX_FOUND]
    return found


async def describe_entity(entity_id: str, context: RequestContext) -> Entity:
    """Return one entity in the form of `search_entities`.

    Raises:
        NotFoundError: The caller has no such task, or the tenant has no such employee.
    """
    record = await _find(entity_id, context)
    return _task_entity(record) if isinstance(record, Task) else _employee_entity(record)


async def preview_entity(entity_id: str, context: RequestContext) -> DynamicWidgetRoot:
    """Return the preview of a mention.

    Raises:
        NotFoundError: The caller has no such task, or the tenant has no such employee.
    """
    record = await _find(entity_id, context)
    children = [part("Caption", value=value) for value in _facts(record, context)]
    return root("Basic", gap=1, children=[text(_title(record), weight="semibold"), *children])


async def entity_to_input(entity_id: str, context: RequestContext) -> str:
    """Return the text that the model reads for a mention.

    Raises:
        NotFoundError: The caller has no such task, or the tenant has no such employee.
    """
    record = await _find(entity_id, context)
    return f"{entity_id}: {_title(record)}. {', '.join(_facts(record, context))}"


def _searchable(text: str) -> str:
    """Return a text without case and accents. Keyboards send "é" as one character or as two."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _tasks(context: RequestContext) -> Tasks:
    return Tasks(context.resources.table, context.caller)


def _employees(context: RequestContext) -> Employees:
    return Employees(context.resources.table, context.caller.tenant_id)


async def _find(entity_id: str, context: RequestContext) -> Task | Employee:
    kind, _, digits = entity_id.partition("-")
    number = read_number(digits)
    record: Task | Employee | None = None
    if number is not None and kind == "task":
        record = await _tasks(context).get(number)
    elif number is not None and kind == "employee":
        record = await _employees(context).get(number)
    if record is None:
        raise NotFoundError("The mentioned task or person does not exist.")
    return record


def _title(record: Task | Employee) -> str:
    return record.title if isinstance(record, Task) else record.name


def _facts(record: Task | Employee, context: RequestContext) -> list[str]:
    if isinstance(record, Task):
        return [f"Task #{record.number}", f"Priority: {record.priority}", f"Status: {record.status}"]
    contact = [f"Email: {record.email}"] if grants_of(context.caller).employee_contact else []
    return [f"Employee {record.number}", f"Department: {record.department}", f"Status: {record.status}", *contact]


def _task_entity(task: Task) -> Entity:
    done = task.status == "completed"
    return {
        "id": f"task-{task.number}",
        "title": task.title,
        "group": "Tasks",
        "icon": "check-circle-filled" if done else "check-circle",
        "interactive": True,
    }


def _employee_entity(employee: Employee) -> Entity:
    return {
        "id": f"employee-{employee.number}",
        "title": employee.name,
        "group": "People",
        "icon": "profile",
        "interactive": True,
    }
