"""An agent whose tools return or show deep values, for `AGENT_FACTORY=tests.support.deep_agent:build_agent`."""

from __future__ import annotations

from typing import Any

from agents import Agent, RunContextWrapper, function_tool
from chatkit.agents import AgentContext
from chatkit.types import ThreadItemDoneEvent, WidgetItem
from chatkit.widgets import DynamicWidgetRoot

from assistant import clock
from assistant.agent import assistant_tool
from assistant.context import RequestContext
from assistant.models import build_model
from assistant.settings import Settings

LEVELS = 5_000
Context = RunContextWrapper[AgentContext[RequestContext]]


def nested() -> Any:
    """Return a list in a list, and so on."""
    deep: Any = "x"
    for _ in range(LEVELS):
        deep = [deep]
    return deep


@function_tool
def as_value() -> Any:
    """Return a nested value."""
    return nested()


@function_tool
def as_text() -> str:
    """Return a nested value as JSON."""
    return "[" * LEVELS + "]" * LEVELS


def widget(levels: int) -> DynamicWidgetRoot:
    """Return a card with a column in a column, and so on."""
    inner: Any = {"type": "Text", "value": "x"}
    for _ in range(levels):
        inner = {"type": "Col", "children": [inner]}
    return DynamicWidgetRoot.model_validate({"type": "Card", "children": [inner]})


@assistant_tool
async def show_widget(context: Context, levels: int) -> str:
    """Show a nested widget."""
    await context.context.stream_widget(widget(levels))
    return "shown"


@assistant_tool
async def show_item(context: Context, levels: int) -> str:
    """Show a nested widget as an item."""
    chat = context.context
    item = WidgetItem(
        id=chat.generate_id("message"), thread_id=chat.thread.id, created_at=clock.now(), widget=widget(levels)
    )
    await chat.stream(ThreadItemDoneEvent(item=item))
    return "shown"


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent."""
    tools: list[Any] = [as_value, as_text, show_widget, show_item]
    return Agent(name="Deep", instructions="You nest.", model=build_model(settings), tools=tools)
