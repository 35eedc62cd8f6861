"""Let the browser run client tools. A turn may have one client tool call, which gets the id of the model's call.

The call ends the turn, because the page's answer starts the next one. Without that, the model would answer before it
knows what the page says, and once more afterwards.

ChatKit sends only the last requested client tool, with the id of the model's last call (chatkit.agents, 1.6.5).
That id is wrong if the model made another call after the client tool call.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING, Any

from agents import Agent, FunctionToolResult, RunContextWrapper, ToolsToFinalOutputResult
from agents.items import RunItem, ToolCallItem
from chatkit.agents import AgentContext
from chatkit.types import ClientToolCallItem, ThreadItemDoneEvent, ThreadStreamEvent
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from assistant.errors import ConflictError, InvalidRequestError
from assistant.nesting import is_deep

if TYPE_CHECKING:
    from chatkit.widgets import WidgetRoot

    from assistant.context import RequestContext

    _Context = AgentContext[RequestContext]
else:
    # Pydantic would resolve the type of the request context, which only type checkers need.
    _Context = AgentContext


def end_with_client_tools(agents: Iterable[Agent[Any]]) -> None:
    """Let the runs of agents end with a client tool, unless the agents say themselves what ends a run.

    Args:
        agents: The agents, which are changed in place.
    """
    for agent in agents:
        if agent.tool_use_behavior == "run_llm_again":
            agent.tool_use_behavior = _end_if_the_page_is_asked


def _end_if_the_page_is_asked(
    context: RunContextWrapper[Any], results: list[FunctionToolResult]
) -> ToolsToFinalOutputResult:
    if context.context.client_tool_call is None:
        return ToolsToFinalOutputResult(is_final_output=False)
    return ToolsToFinalOutputResult(is_final_output=True, final_output=results[-1].output)


class ClientToolPendingError(ConflictError):
    """An agent's tool asked for a second client tool in one turn. The model reads the message."""

    code = "not_run"
    default_message = (
        "This tool did not run: another browser tool is already waiting in this turn. "
        "Call it again after the browser has answered."
    )


class TooDeepError(InvalidRequestError):
    """An agent's tool shows an item that could not be stored. The model reads the message."""

    default_message = "What the tool shows is nested too deeply."


class TurnContext(_Context):
    """ChatKit's context of a turn, limited to one client tool call and to items that can be stored."""

    async def stream(self, event: ThreadStreamEvent) -> None:
        """Send an event of a tool.

        Raises:
            TooDeepError: its item is nested too deeply.
        """
        _check(event)
        await super().stream(event)

    async def stream_widget(
        self, widget: WidgetRoot | AsyncGenerator[WidgetRoot, None], copy_text: str | None = None
    ) -> None:
        """Send a widget of a tool.

        Raises:
            TooDeepError: the widget is nested too deeply.
        """
        if isinstance(widget, AsyncGenerator):
            await super().stream_widget(_checked(widget), copy_text)
        else:
            _check(widget)
            await super().stream_widget(widget, copy_text)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute.

        Raises:
            ClientToolPendingError: this turn has a client tool call already.
            TypeError: the arguments of the call are not JSON.
        """
        if name == "client_tool_call" and value is not None:
            if self.client_tool_call is not None:
                raise ClientToolPendingError
            try:
                to_json(value.arguments)
            except PydanticSerializationError as error:
                raise TypeError(f"The arguments of the client tool {value.name} are not JSON.") from error
        super().__setattr__(name, value)


def _check(shown: BaseModel) -> None:
    if is_deep(shown):
        raise TooDeepError


async def _checked(widgets: AsyncGenerator[WidgetRoot, None]) -> AsyncGenerator[WidgetRoot, None]:
    async for widget in widgets:
        _check(widget)
        yield widget


def with_own_call(event: ThreadStreamEvent, run_items: Iterable[RunItem]) -> ThreadStreamEvent:
    """Return the event. If it is a client tool call, give it the id of the model's call of that tool."""
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
