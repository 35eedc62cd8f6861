"""Helpers for tools: encode the output and show the progress."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from chatkit.icons import IconName
from chatkit.types import CustomSummary, CustomTask, ProgressUpdateEvent, ThreadItemReplacedEvent

from helpdesk.context import HelpdeskRunContext, HelpdeskToolContext


def answer(**fields: Any) -> str:
    """Return a tool's output as JSON for the model."""
    return json.dumps(fields, ensure_ascii=False)


async def show(context: HelpdeskRunContext, text: str, icon: IconName) -> None:
    """Show a progress text until the next event is shown."""
    await context.context.stream(ProgressUpdateEvent(text=text, icon=icon))


@asynccontextmanager
async def step(context: HelpdeskToolContext, text: str, icon: IconName) -> AsyncIterator[None]:
    """Show a tool's work while it runs, as a progress text and as a task in the turn's workflow.

    The progress text disappears with the next event. The workflow stays in the thread.
    """
    chat = context.context
    await show(context, text, icon)
    await chat.add_workflow_task(CustomTask(title=text, icon=icon, status_indicator="loading"))
    workflow = chat.workflow_item
    assert workflow is not None, "add_workflow_task has just begun one"  # noqa: S101 - for the type checker
    tasks = workflow.workflow.tasks
    index = len(tasks) - 1
    workflow.workflow.summary = CustomSummary(title=text if index == 0 else f"{index + 1} steps", icon=icon)
    status: Literal["none", "complete"] = "none"
    try:
        yield
        status = "complete"
    finally:
        task = CustomTask(title=text, icon=icon, status_indicator=status)
        if chat.workflow_item is workflow:
            await chat.update_workflow_task(task, index)
        else:
            # A parallel tool has shown an item, which ended the workflow.
            tasks[index] = task
            await chat.stream(ThreadItemReplacedEvent(item=workflow))
