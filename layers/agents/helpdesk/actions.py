"""Handle clicks in widgets: do the work and update the widget in place."""

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
    # Strict, because Python would accept `true` as 1.
    id: RecordNumber = Field(strict=True)
    filter: Filter = "all"


class _AddTask(BaseModel):
    title: str
    priority: Priority = "medium"
    filter: Filter = "all"


async def check_action(action: Action[str, Any], context: RequestContext) -> None:
    """Check a click before its turn starts.

    Raises:
        InvalidRequestError: The action or its payload is not valid.
        ForbiddenError: The caller may only read.
        NotFoundError: The caller has no such record.
    """
    click = _read_click(action)
    check_may_write(context.caller)
    if isinstance(click, _AddTask):
        check_title(click.title)
    elif await Tasks(context.resources.table, context.caller).get(click.id) is None:
        raise no_task(click.id)


def _read_click(action: Action[str, Any]) -> _CompleteTask | _AddTask:
    """Return the parsed click. The payload comes from the browser, so it is validated like any input."""
    try:
        match action.type:
            case tasks_widget.COMPLETE_TASK:
                return _CompleteTask.model_validate(action.payload)
            case tasks_widget.ADD_TASK:
                return _AddTask.model_validate(action.payload)
            case _:
                raise InvalidRequestError("This action does not exist.")
    except ValidationError:
        raise InvalidRequestError("The values of this action are not valid. Please check them and try again.") from None


async def handle_action(
    thread: ThreadMetadata,
    action: Action[str, Any],
    sender: WidgetItem | None,
    context: AgentContext[RequestContext],
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Handle `threads.custom_action`.

    Args:
        thread: The caller's thread.
        action: The action of the clicked component.
        sender: The stored widget of the click, if there is one.
        context: The context of the request.

    Raises:
        InvalidRequestError: The action or its payload is not valid.
        ForbiddenError: The caller may only read.
        NotFoundError: The caller has no such record.
    """
    item = await _updated_widget(thread, action, sender, context)
    yield ThreadItemDoneEvent(item=item) if sender is None else ThreadItemReplacedEvent(item=item)


async def handle_sync_action(
    thread: ThreadMetadata,
    action: Action[str, Any],
    sender: WidgetItem | None,
    context: AgentContext[RequestContext],
) -> SyncCustomActionResponse:
    """Handle `threads.sync_custom_action`. The platform stores the returned widget."""
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
