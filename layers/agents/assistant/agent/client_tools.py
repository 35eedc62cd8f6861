"""Tools of the browser's: one of them a turn, under the id of the call that has asked for it.

ChatKit asks for the one that was named last, and says that it was the model's last call (chatkit.agents, 1.6.5).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from agents.items import RunItem, ToolCallItem
from chatkit.agents import AgentContext
from chatkit.types import ClientToolCallItem, ThreadItemDoneEvent, ThreadStreamEvent

from assistant.errors import ConflictError

if TYPE_CHECKING:
    from assistant.context import RequestContext

    _Context = AgentContext[RequestContext]
else:
    # What a request's context holds is for type checkers alone, and pydantic would look for it.
    _Context = AgentContext


class BrowserAskedError(ConflictError):
    """A second tool of the browser's in one turn. It is raised in the agent's tool, whose model reads it."""

    code = "not_run"
    default_message = (
        "This was not run: another tool of the browser's is asked for in this turn, and there is one at a time. "
        "Call it again when the browser has answered."
    )


class TurnContext(_Context):
    """ChatKit's context of a turn, in which the browser is asked for one thing."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute.

        Raises:
            BrowserAskedError: the browser is asked for something in this turn already.
        """
        if name == "client_tool_call" and value is not None and self.client_tool_call is not None:
            raise BrowserAskedError
        super().__setattr__(name, value)


def with_own_call(event: ThreadStreamEvent, run_items: Iterable[RunItem]) -> ThreadStreamEvent:
    """Return an event; one that asks the browser with the id of the call of that name, if there is one."""
    if not isinstance(event, ThreadItemDoneEvent) or not isinstance(event.item, ClientToolCallItem):
        return event
    calls = [
        call_id
        for each in run_items
        if isinstance(each, ToolCallItem)
        and getattr(each.raw_item, "name", None) == event.item.name
        and (call_id := getattr(each.raw_item, "call_id", None)) is not None
    ]
    if not calls or event.item.call_id in calls:
        return event
    return ThreadItemDoneEvent(item=event.item.model_copy(update={"call_id": calls[-1]}))
