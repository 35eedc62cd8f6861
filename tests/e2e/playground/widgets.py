"""Widgets that use every component of the SDK's `widgets.py`."""

from __future__ import annotations

from datetime import UTC, datetime

from chatkit.actions import ActionConfig
from chatkit.widgets import (
    AreaSeries,
    Badge,
    BarSeries,
    BasicRoot,
    Box,
    Button,
    Caption,
    Card,
    CardAction,
    Chart,
    Checkbox,
    Col,
    DatePicker,
    Divider,
    DynamicWidgetRoot,
    Form,
    Icon,
    Image,
    Input,
    Label,
    LineSeries,
    ListView,
    ListViewItem,
    Markdown,
    RadioGroup,
    Row,
    Select,
    Spacer,
    Text,
    Textarea,
    Title,
    Transition,
    WidgetRoot,
)

PICTURE = (
    "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSI0MDAiIGhlaWdodD0iMTIwIj48cmVj"
    "dCB3aWR0aD0iNDAwIiBoZWlnaHQ9IjEyMCIgZmlsbD0iIzdhYTZmZiIvPjxjaXJjbGUgY3g9IjMyMCIgY3k9IjUwIiByPSIyOCIgZmlsbD0iI2ZmZDg2YiIv"
    "Pjwvc3ZnPg=="
)


def task_list(done: frozenset[int] = frozenset()) -> ListView:
    """Show tasks as rows that complete one by a click."""
    names = ["Water the plants", "Call the bank", "Send the invoice", "Book a room"]
    rows = [
        ListViewItem(
            key=str(number),
            onClickAction=ActionConfig(type="task.complete", payload={"id": number}),
            children=[
                Icon(
                    name="check-circle" if number in done else "empty-circle",
                    color="success" if number in done else "tertiary",
                ),
                Text(value=name, lineThrough=number in done),
                Spacer(),
                Badge(label="high", color="danger") if number == 2 else Badge(label="low"),
                Caption(value=f"#{number}"),
            ],
        )
        for number, name in enumerate(names, start=1)
    ]
    return ListView(children=rows, limit=3, status={"text": "4 tasks", "icon": "notebook"})


LAYOUT = Card(
    size="lg",
    status={"text": "Every component that shows", "icon": "sparkle"},
    background={"light": "surface-elevated", "dark": "surface-elevated"},
    children=[
        Image(src=PICTURE, alt="A blue field", height=90, fit="cover", flush=True),
        Row(
            children=[
                Icon(name="maps", size="xl", color="blue-500"),
                Col(gap=0, children=[Title(value="Madeira", size="lg"), Caption(value="Four days in May")]),
                Spacer(),
                Badge(label="Confirmed", color="success"),
                Badge(label="New", color="discovery", variant="solid", pill=True),
                Badge(label="Info", color="info", variant="outline"),
            ]
        ),
        Divider(flush=True),
        Text(
            value="Truncated text that is far longer than the one line that it is given to show itself in " * 2,
            truncate=True,
        ),
        Text(value="Secondary, italic and bold.", color="secondary", italic=True, weight="bold", size="sm"),
        Markdown(value="Markdown with **bold** and a [link](https://example.com)."),
        Box(
            direction="row",
            gap=3,
            padding={"x": 3, "y": 2},
            border={"size": 1, "color": "default", "style": "dashed"},
            radius="lg",
            background="surface-secondary",
            children=[Icon(name="info"), Text(value="A box with a dashed border", size="sm")],
        ),
        Transition(children=Text(value="Comes softly", key="one")),
        Row(
            wrap="wrap",
            children=[
                Button(label="Primary", style="primary", onClickAction=ActionConfig(type="press", payload={"n": 1})),
                Button(label="Outline", iconStart="star", variant="outline"),
                Button(label="Danger", color="danger", variant="soft", size="sm"),
                Button(
                    iconStart="dots-horizontal", uniform=True, variant="ghost", onClickAction=ActionConfig(type="more")
                ),
                Button(label="Off", disabled=True),
            ],
        ),
    ],
)

CHARTS = Card(
    size="lg",
    children=[
        Title(value="Bars, stacked"),
        Chart(
            data=[
                {"day": day, "sent": 10 + i * 7, "read": 6 + i * 4}
                for i, day in enumerate(("Mon", "Tue", "Wed", "Thu"))
            ],
            series=[
                BarSeries(label="Sent", dataKey="sent", stack="all"),
                BarSeries(label="Read", dataKey="read", stack="all", color="orange"),
            ],
            xAxis="day",
            showYAxis=True,
        ),
        Title(value="Area and line"),
        Chart(
            data=[{"m": str(m), "a": (m * 37) % 50, "b": 60 - m * 4} for m in range(1, 9)],
            series=[
                AreaSeries(label="Visits", dataKey="a", color="blue", curveType="natural"),
                LineSeries(label="Goal", dataKey="b", color="green-600", curveType="step"),
            ],
            xAxis={"dataKey": "m", "labels": {"1": "Jan", "2": "Feb"}},
        ),
    ],
)

FORM = Card(
    size="lg",
    children=[
        Form(
            onSubmitAction=ActionConfig(type="form.submit", payload={"form": "signup"}),
            children=[
                Label(value="Name", fieldName="person.name"),
                Input(name="person.name", required=True, placeholder="Your name"),
                Label(value="Guests", fieldName="guests"),
                Input(name="guests", inputType="number", defaultValue="2", variant="soft"),
                Label(value="Note", fieldName="note"),
                Textarea(name="note", defaultValue="No nuts", rows=2, autoResize=True),
                Label(value="Room", fieldName="room"),
                Select(
                    name="room",
                    options=[{"label": "Garden", "value": "garden"}, {"label": "Cellar", "value": "cellar"}],
                    defaultValue="garden",
                ),
                Label(value="Day", fieldName="day"),
                DatePicker(
                    name="day", defaultValue=datetime(2026, 5, 17, tzinfo=UTC), min=datetime(2026, 1, 1, tzinfo=UTC)
                ),
                RadioGroup(
                    name="meal",
                    ariaLabel="Meal",
                    defaultValue="soup",
                    options=[{"label": "Soup", "value": "soup"}, {"label": "Salad", "value": "salad"}],
                ),
                Checkbox(name="terms", label="I agree", required=True),
                Text(value="Editable text", editable={"name": "title"}),
                Row(justify="end", children=[Button(label="Book", submit=True, style="primary")]),
            ],
        )
    ],
)

CARD_FORM = Card(
    asForm=True,
    size="sm",
    children=[Title(value="Draft of a mail"), Text(value="Dear all", editable={"name": "subject", "required": True})],
    confirm=CardAction(label="Send", action=ActionConfig(type="mail.send")),
    cancel=CardAction(label="Discard", action=ActionConfig(type="mail.discard")),
)

CONTROLS = BasicRoot.model_validate(
    {
        "type": "Basic",
        "children": [
            {
                "type": "Button",
                "label": "In the page",
                "onClickAction": {"type": "local", "handler": "client", "payload": {"x": 1}},
            },
            {
                "type": "Button",
                "label": "At once",
                "onClickAction": {"type": "count", "streaming": False, "payload": {"n": 5}},
            },
            {
                "type": "Select",
                "name": "filter.state",
                "options": [{"label": "Open", "value": "open"}, {"label": "Done", "value": "done"}],
                "onChangeAction": {"type": "filter"},
            },
            {"type": "Checkbox", "name": "loud", "label": "Loud", "onChangeAction": {"type": "toggle"}},
        ],
    }
)


def cell(text: str) -> dict[str, object]:
    """Make a table's cell. ChatKit's component has tables, though `widgets.py` does not type them yet."""
    return {"type": "Table.Cell", "children": [{"type": "Text", "value": text}]}


TABLE = DynamicWidgetRoot.model_validate(
    {
        "type": "Card",
        "children": [
            {
                "type": "Table",
                "children": [
                    {"type": "Table.Row", "header": True, "children": [cell("Item"), cell("Price")]},
                    {"type": "Table.Row", "children": [cell("Soup"), cell("4.50")]},
                ],
            },
            {"type": "Hologram"},
        ],
    }
)

BY_NAME: dict[str, WidgetRoot] = {
    "card-form": CARD_FORM,
    "charts": CHARTS,
    "controls": CONTROLS,
    "form": FORM,
    "layout": LAYOUT,
    "table": TABLE,
    "tasks": task_list(),
}
