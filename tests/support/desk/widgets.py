"""The widgets: a list of tasks with clicks of both kinds, and the card of a text that streams in."""

from __future__ import annotations

from typing import Any

from chatkit.widgets import DynamicWidgetComponent, DynamicWidgetRoot

from .records import MAX_TITLE_CHARACTERS, Filter, Task

COMPLETE_TASK = "tasks.complete"
ADD_TASK = "tasks.add"
TEXT_ID = "draft-text"
STATE_ID = "draft-state"

Part = dict[str, Any]


def root(kind: str, **fields: Any) -> DynamicWidgetRoot:
    """Return a whole widget."""
    return DynamicWidgetRoot.model_validate({"type": kind, **fields})


def header(tasks: list[Task]) -> str:
    """Return how many tasks there are."""
    pending = sum(not task.done for task in tasks)
    return f"{len(tasks)} task{'' if len(tasks) == 1 else 's'}, {pending} pending"


def task_list(tasks: list[Task], which: Filter) -> DynamicWidgetRoot:
    """Return the tasks as rows that a click completes, and a form that adds one."""
    rows = [_row(task, which) for task in tasks] or [_list_item({"type": "Text", "value": "No tasks yet."})]
    return root("ListView", status={"text": header(tasks)}, children=[*rows, _list_item(_form(which))])


def _list_item(*children: Part, **fields: Any) -> Part:
    return {"type": "ListViewItem", "children": list(children), **fields}


def _action(kind: str, payload: Part, *, streaming: bool) -> Part:
    return {"type": kind, "payload": payload, "streaming": streaming, "handler": "server", "loadingBehavior": "auto"}


def _row(task: Task, which: Filter) -> Part:
    click = _action(COMPLETE_TASK, {"id": task.number, "filter": which}, streaming=True)
    return _list_item(
        {"type": "Text", "value": task.title, "lineThrough": task.done},
        {"type": "Badge", "label": task.priority},
        **({} if task.done else {"onClickAction": click}),
    )


def _form(which: Filter) -> Part:
    pattern = rf".{{1,{MAX_TITLE_CHARACTERS}}}"
    return {
        "type": "Form",
        "direction": "row",
        "onSubmitAction": _action(ADD_TASK, {"filter": which}, streaming=False),
        "children": [
            {"type": "Input", "name": "title", "placeholder": "New task", "required": True, "pattern": pattern},
            {"type": "Button", "submit": True, "label": "Add"},
        ],
    }


def draft(written: str, *, streaming: bool, state: str = "") -> DynamicWidgetRoot:
    """Return the card of a text."""
    text = {"type": "Text", "id": TEXT_ID, "value": written, "streaming": streaming}
    return root("Card", children=[_state(state), text])


def ready() -> DynamicWidgetComponent:
    """Return the badge of a whole text."""
    return DynamicWidgetComponent.model_validate(_state("Ready"))


def _state(label: str) -> Part:
    return {"type": "Badge", "id": STATE_ID, "label": label} if label else {"type": "Box", "id": STATE_ID}
