"""The list of tasks. A click on a row completes the task. A form at the end adds a task."""

from __future__ import annotations

from chatkit.widgets import DynamicWidgetRoot

from helpdesk.records.tasks import MAX_TITLE_CHARACTERS, Filter, Task, TaskList
from helpdesk.widgets.parts import PRIORITY_COLORS, Part, action, badge, grow, icon, part, root, text

COMPLETE_TASK = "tasks.complete"
ADD_TASK = "tasks.add"

_EMPTY: dict[Filter, str] = {
    "all": "No tasks yet. Add your first one below.",
    "pending": "Nothing left to do.",
    "completed": "Nothing completed yet.",
}


def task_list_widget(found: TaskList) -> DynamicWidgetRoot:
    """Return the tasks as a `ListView` with their number in the header."""
    rows = [_row(task, found.filter) for task in found.tasks] or [_empty_row(found.filter)]
    return root(
        "ListView",
        status={"text": _header(found), "icon": "notebook"},
        children=[*rows, _form_row(found.filter)],
    )


def task_list_text(found: TaskList) -> str:
    """Return the tasks as text, for the copy button."""
    lines = [
        f"- [{'x' if task.status == 'completed' else ' '}] {task.title} ({task.priority}) #{task.number}"
        for task in found.tasks
    ]
    return "\n".join([_header(found), *lines])


def _header(found: TaskList) -> str:
    count = f"{len(found.tasks)}{'+' if found.more else ''}"
    noun = "task" if count == "1" else "tasks"
    if found.filter != "all":
        return f"{count} {found.filter} {noun}"
    return f"{count} {noun}, {found.pending} pending" if found.tasks else f"{count} {noun}"


def _row(task: Task, which: Filter) -> Part:
    done = task.status == "completed"
    return part(
        "ListViewItem",
        key=f"task-{task.number}",
        gap=2,
        align="center",
        onClickAction=None if done else action(COMPLETE_TASK, {"id": task.number, "filter": which}),
        children=[
            icon("check-circle-filled", "success") if done else icon("empty-circle"),
            grow(text(task.title, lineThrough=done, color="secondary" if done else None)),
            badge(task.priority, PRIORITY_COLORS[task.priority]),
            badge(f"#{task.number}"),
        ],
    )


def _empty_row(which: Filter) -> Part:
    return part("ListViewItem", key="empty", gap=2, children=[icon("sparkle"), text(_EMPTY[which], color="secondary")])


def _form_row(which: Filter) -> Part:
    options = [{"value": value, "label": value.capitalize()} for value in PRIORITY_COLORS]
    title = part(
        "Input",
        name="title",
        placeholder="New task",
        required=True,
        pattern=rf".{{1,{MAX_TITLE_CHARACTERS}}}",
    )
    form = part(
        "Form",
        direction="row",
        gap=2,
        align="center",
        flex=1,
        onSubmitAction=action(ADD_TASK, {"filter": which}, streaming=False),
        children=[
            grow(title),
            part("Select", name="priority", options=options, defaultValue="medium"),
            part("Button", submit=True, label="Add", iconStart="plus", style="primary", size="sm"),
        ],
    )
    return part("ListViewItem", key="add", children=[form])
