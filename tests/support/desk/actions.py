"""What clicks in the list of tasks do."""

from __future__ import annotations

from collections.abc import AsyncGenerator
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

from assistant import clock
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError

from .records import Filter, Priority, Tasks, check_may_write, no_task
from .widgets import ADD_TASK, COMPLETE_TASK, header, task_list

if TYPE_CHECKING:
    from chatkit.agents import AgentContext


class _Complete(BaseModel):
    id: int = Field(strict=True, ge=1)
    filter: Filter = "all"


class _Add(BaseModel):
    title: str = Field(min_length=1)
    priority: Priority = "medium"
    filter: Filter = "all"


_CLICKS: dict[str, type[_Complete | _Add]] = {COMPLETE_TASK: _Complete, ADD_TASK: _Add}


def _read(action: Action[str, Any]) -> _Complete | _Add:
    if action.type not in _CLICKS:
        raise InvalidRequestError("This action does not exist.")
    try:
        return _CLICKS[action.type].model_validate(action.payload)
    except ValidationError:
        raise InvalidRequestError("The values of this action are not valid.") from None


async def check_action(action: Action[str, Any], context: RequestContext) -> None:
    """Refuse an invalid click, a caller who may only read, and a task that does not exist."""
    click = _read(action)
    check_may_write(context.caller)
    if isinstance(click, _Complete) and await Tasks(context.resources.table, context.caller).get(click.id) is None:
        raise no_task(click.id)


async def handle_action(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Do what the click says, and change the list in place."""
    item = await _changed(thread, action, sender, context)
    yield ThreadItemDoneEvent(item=item) if sender is None else ThreadItemReplacedEvent(item=item)


async def handle_sync_action(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> SyncCustomActionResponse:
    """Do what the click says, and return the changed list."""
    return SyncCustomActionResponse(updated_item=await _changed(thread, action, sender, context))


async def _changed(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> WidgetItem:
    tasks = Tasks(context.request_context.resources.table, context.request_context.caller)
    click = _read(action)
    if isinstance(click, _Complete):
        await tasks.complete(click.id)
    else:
        await tasks.add(click.title, click.priority)
    found = await tasks.list(click.filter)
    return WidgetItem(
        id=sender.id if sender else context.generate_id("message"),
        thread_id=thread.id,
        created_at=sender.created_at if sender else clock.now(),
        widget=task_list(found, click.filter),
        copy_text=header(found),
    )
