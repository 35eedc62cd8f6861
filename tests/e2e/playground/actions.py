"""What the scripted server does with widget actions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from chatkit.actions import Action
from chatkit.types import (
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    WidgetItem,
    WidgetRootUpdated,
)
from chatkit.widgets import Card, Text

from tests.e2e.playground import scripts, widgets


async def stream(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None
) -> AsyncIterator[ThreadStreamEvent]:
    """Complete a task in its list; say what any other action brought."""
    if action.type == "task.complete" and sender:
        root = widgets.task_list(done=frozenset({action.payload["id"]}))
        yield ThreadItemUpdatedEvent(item_id=sender.id, update=WidgetRootUpdated(widget=root))
        yield ThreadItemReplacedEvent(item=sender.model_copy(update={"widget": root}))
        return
    told = json.dumps(action.payload, sort_keys=True)
    async for event in scripts.say(thread, f"Action {action.type} with `{told}`"):
        yield event


def updated(action: Action[str, Any], sender: WidgetItem | None) -> WidgetItem | None:
    """Answer an action that does not stream: the widget says what it was given."""
    if sender is None:
        return None
    return sender.model_copy(update={"widget": Card(children=[Text(value=f"Counted {action.payload['n']}")])})
