"""The task list's widget."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.widgets import WidgetError
from helpdesk.records.tasks import Filter, Priority, Status, Task, TaskList
from helpdesk.widgets.parts import part, root, text
from helpdesk.widgets.tasks import task_list_text, task_list_widget
from tests.support.widget_schema import check_widget

WHEN = "2026-11-22T10:00:00+00:00"


def task(number: int, title: str, status: Status = "pending", priority: Priority = "medium") -> Task:
    return Task(number, title, priority, status, WHEN, WHEN if status == "completed" else None)


def drawn(*tasks: Task, which: Filter = "all", more: bool = False) -> dict[str, Any]:
    widget = task_list_widget(TaskList(tasks, which, more))
    check_widget(widget)
    dumped: dict[str, Any] = widget.model_dump(exclude_none=True)
    return dumped


def components(node: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = [node] if node["type"] == kind else []
    return found + [each for child in node.get("children", []) for each in components(child, kind)]


def test_a_pending_row_shows_its_title_priority_and_number_and_completes_at_a_click() -> None:
    row = drawn(task(4, "Buy milk", priority="high"))["children"][0]
    (title,) = components(row, "Text")
    assert (title["value"], title.get("lineThrough", False)) == ("Buy milk", False)
    assert [each["label"] for each in components(row, "Badge")] == ["high", "#4"]
    assert components(row, "Icon")[0]["name"] == "empty-circle"
    assert row["onClickAction"]["type"] == "tasks.complete"
    assert row["onClickAction"]["handler"] == "server"
    assert row["onClickAction"]["payload"] == {"id": 4, "filter": "all"}


def test_a_completed_row_is_struck_through_and_does_nothing_at_a_click() -> None:
    row = drawn(task(4, "Buy milk", "completed"))["children"][0]
    assert components(row, "Text")[0]["lineThrough"] is True
    assert components(row, "Icon")[0]["name"] == "check-circle-filled"
    assert "onClickAction" not in row


@pytest.mark.parametrize(
    ("tasks", "which", "more", "header"),
    [
        ((), "all", False, "0 tasks"),
        ((task(1, "a"),), "all", False, "1 task, 1 pending"),
        ((task(1, "a"), task(2, "b", "completed")), "all", False, "2 tasks, 1 pending"),
        ((task(1, "a"),), "pending", False, "1 pending task"),
        ((task(2, "b", "completed"), task(3, "c", "completed")), "completed", True, "2+ completed tasks"),
    ],
)
def test_the_header_counts_what_is_listed(tasks: tuple[Task, ...], which: Filter, more: bool, header: str) -> None:
    assert drawn(*tasks, which=which, more=more)["status"]["text"] == header


@pytest.mark.parametrize("which", ["all", "pending", "completed"])
def test_an_empty_list_says_so_and_still_takes_a_new_task(which: Filter) -> None:
    widget = drawn(which=which)
    empty, form = widget["children"]
    assert components(empty, "Text")[0]["value"]
    (submit,) = components(form, "Form")
    assert submit["onSubmitAction"]["type"] == "tasks.add"
    assert submit["onSubmitAction"]["payload"] == {"filter": which}
    assert {components(form, kind)[0]["name"] for kind in ("Input", "Select")} == {"title", "priority"}


def test_a_title_is_shown_as_it_is_whatever_it_holds() -> None:
    title = '<b>"quoted" & {{ braces }}</b> ✓'
    assert components(drawn(task(1, title)), "Text")[0]["value"] == title


def test_the_text_for_copying_says_the_same() -> None:
    text = task_list_text(TaskList((task(1, "a", priority="low"), task(2, "b", "completed")), "all"))
    assert text.splitlines() == ["2 tasks, 1 pending", "- [ ] a (low) #1", "- [x] b (medium) #2"]


def test_the_check_of_widgets_refuses_a_field_that_a_component_does_not_have() -> None:
    wrong = part("ListViewItem", children=[text("a", linethrough=True)])
    with pytest.raises(WidgetError, match="Text has no linethrough"):
        root("ListView", children=[wrong])
