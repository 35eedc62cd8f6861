"""Mentions of tasks and employees, and the same as sources of an answer."""

from __future__ import annotations

import re
from typing import Any

from chatkit.types import Annotation, EntitySource, URLSource
from chatkit.widgets import DynamicWidgetRoot

from assistant.context import RequestContext
from assistant.errors import NotFoundError

from .records import EMPLOYEES, Tasks
from .widgets import root

HELP = {"https://help.example.com/hours": "Opening hours", "https://help.example.com/returns": "Returns and refunds"}
_NAMED = re.compile(r"\b(task|employee)\s+#?(\d{1,5})\b", re.IGNORECASE)


def _entity(kind: str, number: int, title: str) -> dict[str, Any]:
    group = "People" if kind == "employee" else "Tasks"
    return {"id": f"{kind}-{number}", "title": title, "group": group, "icon": "profile", "interactive": True}


async def search_entities(query: str, context: RequestContext) -> list[dict[str, Any]]:
    """Return the tasks and employees whose title or name contains the query."""
    tasks = await Tasks(context.resources.table, context.caller).list()
    found = [_entity("task", task.number, task.title) for task in tasks]
    found += [_entity("employee", number, name) for number, (name, _) in EMPLOYEES.items()]
    return [each for each in found if query.strip().lower() in each["title"].lower()]


async def _title(entity_id: str, context: RequestContext) -> str:
    kind, _, digits = entity_id.partition("-")
    number = int(digits) if digits.isascii() and digits.isdigit() else 0
    if kind == "employee" and number in EMPLOYEES:
        return EMPLOYEES[number][0]
    task = await Tasks(context.resources.table, context.caller).get(number) if kind == "task" else None
    if task is None:
        raise NotFoundError("The mentioned task or person does not exist.")
    return task.title


async def preview_entity(entity_id: str, context: RequestContext) -> DynamicWidgetRoot:
    """Return the title and the id of a mention."""
    title = await _title(entity_id, context)
    caption = entity_id.replace("-", " ").capitalize()
    return root("Basic", children=[{"type": "Text", "value": title}, {"type": "Caption", "value": caption}])


async def entity_to_input(entity_id: str, context: RequestContext) -> str:
    """Return the id, the title and the facts of a mention."""
    facts = "".join(f" Department: {EMPLOYEES[each][1]}" for each in EMPLOYEES if entity_id == f"employee-{each}")
    return f"{entity_id}: {await _title(entity_id, context)}.{facts}"


async def find_sources(text: str, context: RequestContext) -> list[Annotation]:
    """Return the help pages that an answer links, and the tasks and employees that it names."""
    found = [
        Annotation(source=URLSource(title=title, url=url), index=text.index(url) + len(url))
        for url, title in HELP.items()
        if url in text
    ]
    for match in _NAMED.finditer(text):
        entity_id = f"{match[1].lower()}-{int(match[2])}"
        try:
            title = await _title(entity_id, context)
        except NotFoundError:
            continue
        source = EntitySource(id=entity_id, title=title, icon="profile", interactive=True, data={})
        found.append(Annotation(source=source, index=match.end()))
    return found
