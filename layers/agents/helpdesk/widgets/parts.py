"""Building blocks of widgets.

Widgets are plain data that becomes a `DynamicWidgetRoot`, because ChatKit has deprecated its component classes.
"""

from __future__ import annotations

from typing import Any

from chatkit.actions import ActionConfig
from chatkit.icons import IconName
from chatkit.widgets import DynamicWidgetRoot

from assistant.widgets import widget
from helpdesk.records.tasks import Priority

Part = dict[str, Any]

PRIORITY_COLORS: dict[Priority, str] = {"low": "info", "medium": "warning", "high": "danger"}


def root(kind: str, **fields: Any) -> DynamicWidgetRoot:
    """Return a whole widget: a `Card`, a `ListView`, or a `Basic` for previews."""
    return widget(part(kind, **fields))


def part(kind: str, **fields: Any) -> Part:
    """Return a component without the fields that are None."""
    return {"type": kind, **{name: value for name, value in fields.items() if value is not None}}


def icon(name: IconName, color: str = "secondary") -> Part:
    """Return an icon in a text colour."""
    return part("Icon", name=name, color=color)


def text(value: str, **fields: Any) -> Part:
    """Return a line of text."""
    return part("Text", value=value, **fields)


def badge(label: str, color: str = "secondary") -> Part:
    """Return a small badge."""
    return part("Badge", label=label, color=color, variant="soft", size="sm")


def grow(*children: Part) -> Part:
    """Return a box that fills the remaining width of a row."""
    return part("Box", flex=1, children=list(children))


def action(kind: str, payload: dict[str, Any], *, streaming: bool = True) -> dict[str, Any]:
    """Return an action for the server.

    Args:
        kind: The action's type, which `helpdesk.actions` handles.
        payload: The action's values. ChatKit adds the fields of a form.
        streaming: Whether the action starts a turn. If not, it is answered with one updated item, which is faster.
    """
    return ActionConfig(type=kind, payload=payload, streaming=streaming).model_dump()
