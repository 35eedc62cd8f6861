"""What happens when the user clicks in a widget: the work is done, and the widget changes in place."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chatkit.actions import Action
from chatkit.types import (
    SyncCustomActionResponse,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    WidgetItem,
)
from pydantic import BaseModel, Field, ValidationError

from assistant.context import RequestContext
from assistant.errors import InvalidRequestError
from helpdesk.permissions import check_may_write
from helpdesk.records.keys import RecordNumber
from helpdesk.records.tasks import Filter, Priority, Tasks, check_title, no_task
from helpdesk.widgets import tasks as tasks_widget

if TYPE_CHECKING:
    from chatkit.agents import AgentContext


class _CompleteTask(BaseModel):
    # Strictly a number: `true` is none, although Python takes it for 1.
    id: RecordNumber = Field(strict=True)
    filter: Filter = "all"


class _AddTask(BaseModel):
    title: str
    priority: Priority = "medium"
    filter: Filter = "all"


async def check_action(action: Action[str, Any], context: RequestContext) -> None:
    """Look at a click before it becomes a turn.

    Raises:
        InvalidRequestError: no such action, or a payload that does not fit.
        ForbiddenError: the caller may only read.
        NotFoundError: the caller has no such record.
    """
    click = _read_click(action)
    check_may_write(context.caller)
    if isinstance(click, _AddTask):
        check_title(click.title)
    elif await Tasks(context.resources.table, context.caller).get(click.id) is None:
        raise no_task(click.id)


def _read_click(action: Action[str, Any]) -> _CompleteTask | _AddTask:
    """Return what a click asks for. Its payload comes from the browser: it is checked like any input."""
    try:
        match action.type:
            case tasks_widget.COMPLETE_TASK:
                return _CompleteTask.model_validate(action.payload)
            case tasks_widget.ADD_TASK:
                return _AddTask.model_validate(action.payload)
            case _:
                raise InvalidRequestError("This action is not known.")
    except ValidationError:
        raise InvalidRequestError("The action's payload is not valid.") from None


async def handle_action(
    thread: ThreadMetadata,
    action: Action[str, Any],
    sender: WidgetItem | None,
    context: AgentContext[RequestContext],
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Handle `threads.custom_action`.

    Args:
        thread: The caller's thread.
        action: What was clicked.
        sender: The stored widget that was clicked, if the action came from one.
        context: Whose request it is, and where events go.

    Raises:
        InvalidRequestError: no such action, or a payload that does not fit.
        ForbiddenError: the caller may only read.
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
    click = _read_click(action)
    if isinstance(click, _CompleteTask):
        await tasks.complete(click.id)
    else:
        await tasks.add(click.title, click.priority)
    found = await tasks.list(click.filter)
    return WidgetItem(
        id=sender.id if sender else context.generate_id("message"),
        thread_id=thread.id,
        created_at=sender.created_at if sender else datetime.now(UTC),
        widget=tasks_widget.task_list_widget(found),
        copy_text=tasks_widget.task_list_text(found),
    )
