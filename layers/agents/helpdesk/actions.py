"""What happens when the user clicks in a widget: the work is done, and the widget changes in place."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from chatkit.actions import Action
from chatkit.agents import AgentContext
from chatkit.types import (
    SyncCustomActionResponse,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    WidgetItem,
)
from pydantic import BaseModel, ValidationError

from assistant.context import RequestContext
from assistant.errors import InvalidRequestError
from helpdesk.records.tasks import Filter, Priority, Tasks
from helpdesk.widgets import tasks as tasks_widget


class _CompleteTask(BaseModel):
    id: int
    filter: Filter = "all"


class _AddTask(BaseModel):
    title: str
    priority: Priority = "medium"
    filter: Filter = "all"


async def handle_action(
    thread: ThreadMetadata,
    action: Action[str, Any],
    sender: WidgetItem | None,
    context: AgentContext[RequestContext],
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Handle `threads.custom_action`.

    Args:
        thread: The caller's thread.
        action: What was clicked. Its payload comes from the browser: it is checked like any input.
        sender: The stored widget that was clicked, if the action came from one.
        context: Whose request it is, and where events go.

    Raises:
        InvalidRequestError: no such action, or a payload that does not fit.
        NotFoundError: the caller has no such record.
    """
    item = await _updated_widget(thread, action, sender, context)
    yield ThreadItemDoneEvent(item=item) if sender is None else ThreadItemReplacedEvent(item=item)


async def handle_sync_action(
    thread: ThreadMetadata,
    action: Action[str, Any],
    sender: WidgetItem | None,
    context: AgentContext[RequestContext],
) -> SyncCustomActionResponse:
    """Handle `threads.sync_custom_action`; the platform stores the widget that is returned."""
    return SyncCustomActionResponse(updated_item=await _updated_widget(thread, action, sender, context))


async def _updated_widget(
    thread: ThreadMetadata,
    action: Action[str, Any],
    sender: WidgetItem | None,
    context: AgentContext[RequestContext],
) -> WidgetItem:
    request = context.request_context
    tasks = Tasks(request.resources.table, request.caller)
    try:
        match action.type:
            case tasks_widget.COMPLETE_TASK:
                complete = _CompleteTask.model_validate(action.payload)
                await tasks.complete(complete.id)
                which = complete.filter
            case tasks_widget.ADD_TASK:
                add = _AddTask.model_validate(action.payload)
                await tasks.add(add.title, add.priority)
                which = add.filter
            case _:
                raise InvalidRequestError("This action is not known.")
    except ValidationError:
        raise InvalidRequestError("The action's payload is not valid.") from None
    found = await tasks.list(which)
    return WidgetItem(
        id=sender.id if sender else context.generate_id("message"),
        thread_id=thread.id,
        created_at=sender.created_at if sender else datetime.now(UTC),
        widget=tasks_widget.task_list_widget(found),
        copy_text=tasks_widget.task_list_text(found),
    )
