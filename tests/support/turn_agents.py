"""Agents for tests of turns: a package as `AGENT_FACTORY` names it, with a tool of each kind and an action.

What the tools do is counted here, so that a test sees what ran and what was cancelled.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Any

from agents import Agent, RunContextWrapper, StopAtTools, function_tool
from chatkit.actions import Action
from chatkit.agents import AgentContext, ClientToolCall
from chatkit.types import (
    ClosedStatus,
    CustomTask,
    StructuredInputFreeform,
    StructuredInputItem,
    SyncCustomActionResponse,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    WidgetItem,
    Workflow,
)
from chatkit.widgets import DynamicWidgetRoot, WidgetRoot

from assistant.agent.tools import assistant_tool
from assistant.aws import keys
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError
from assistant.settings import Settings

FACTORY = "tests.support.turn_agents:build_agent"
Context = RunContextWrapper[AgentContext[RequestContext]]

# How often each tool was called, and was cancelled under the name `NAME cancelled`.
calls: Counter[str] = Counter()


@function_tool
async def look_up(context: Context, what: str) -> str:
    """Look something up."""
    calls["look_up"] += 1
    return f"found {what}"


@function_tool
async def note(context: Context, text: str) -> str:
    """Note something, and show it as a step."""
    calls["note"] += 1
    await context.context.add_workflow_task(CustomTask(title=f"Noting {text}"))
    return f"noted {text}"


@function_tool
async def save_note(context: Context, text: str) -> str:
    """Keep a note in the table, as an agent's own records are kept."""
    calls["save_note"] += 1
    request = context.context.request_context
    key = keys.Key(keys.app_partition(request.caller.tenant_id, request.caller.user_id), f"note#{text}")
    await request.resources.table.put(key, {"text": text})
    return f"kept {text}"


@function_tool
async def wait_long(context: Context) -> str:
    """Take long."""
    calls["wait_long"] += 1
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        calls["wait_long cancelled"] += 1
        raise
    return "waited"


@function_tool(needs_approval=True)
async def pay(context: Context, what: str) -> str:
    """Pay for something: twice, if it is called twice."""
    calls["pay"] += 1
    request = context.context.request_context
    key = keys.Key(keys.app_partition(request.caller.tenant_id, request.caller.user_id), "payments")
    # As a payment that cannot be called back: it is made also when nobody waits for it any more.
    await request.resources.table.update(key, "ADD payments :one", values={":one": 1})
    return f"paid {what}"


@function_tool
async def never_lets_go(context: Context) -> str:
    """Take long, whatever happens."""
    calls["never_lets_go"] += 1
    for _ in range(60):
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            calls["never_lets_go cancelled"] += 1
    return "done at last"


@function_tool
async def show_card(context: Context, text: str) -> str:
    """Show a card."""
    calls["show_card"] += 1
    await context.context.stream_widget(card(text), copy_text=text)
    return "shown"


@function_tool
async def show_growing_card(context: Context, text: str) -> str:
    """Show a card that is being written for a second."""

    async def grow() -> AsyncGenerator[WidgetRoot, None]:
        yield card("a")
        await asyncio.sleep(1.0)
        yield card(text)

    await context.context.stream_widget(grow(), copy_text=text)
    return "shown"


@assistant_tool
async def block_loop(context: Context, seconds: float) -> str:
    """Block the event loop, as a careless tool does."""
    calls["block_loop"] += 1
    time.sleep(seconds)  # noqa: ASYNC251 - the fault under test
    return "unblocked"


@assistant_tool
def block_thread(context: Context, seconds: float) -> str:
    """Block a thread, as a plain function may."""
    calls["block_thread"] += 1
    time.sleep(seconds)
    return "unblocked"


@assistant_tool
async def ask_browser(context: Context) -> str:
    """Ask the client's tool."""
    calls["ask_browser"] += 1
    context.context.client_tool_call = ClientToolCall(name="browser", arguments={"what": "size"})
    return "asked"


@function_tool
async def locate(context: Context) -> str:
    """Ask the client's tool of the same name."""
    calls["locate"] += 1
    context.context.client_tool_call = ClientToolCall(name="locate", arguments={})
    return "asked"


@function_tool
async def ask_form(context: Context) -> str:
    """Ask the user in a form."""
    calls["ask_form"] += 1
    chat = context.context
    form = StructuredInputItem(
        id=chat.generate_id("message"),
        thread_id=chat.thread.id,
        created_at=datetime.now(),  # noqa: DTZ005 - naive, as the SDK's own items are
        inputs=[StructuredInputFreeform(id="why", question="Why?")],
    )
    await chat.stream(ThreadItemDoneEvent(item=form))
    return "asked"


@function_tool
async def open_steps(context: Context) -> str:
    """Begin steps and never end them."""
    calls["open_steps"] += 1
    await context.context.start_workflow(Workflow(type="custom", tasks=[CustomTask(title="step one")]))
    return "begun"


@function_tool
async def retitle(context: Context, title: str) -> str:
    """Give the thread a title."""
    calls["retitle"] += 1
    context.context.thread.title = title
    return "named"


@function_tool
async def close_thread(context: Context) -> str:
    """Close the thread."""
    calls["close_thread"] += 1
    context.context.thread.status = ClosedStatus()
    return "closed"


TOOLS: list[Any] = [
    look_up, note, save_note, pay, wait_long, never_lets_go, show_card, show_growing_card, block_loop, block_thread,
    ask_browser, locate, ask_form, open_steps, retitle, close_thread,
]  # fmt: skip


def build_agent(settings: Settings) -> Agent[Any]:
    """Return an agent with all tools."""
    return Agent(
        name="Helper",
        instructions="You help.",
        tools=TOOLS,
        tool_use_behavior=StopAtTools(stop_at_tool_names=["ask_browser", "locate", "ask_form", "open_steps"]),
    )


async def check_action(action: Action[str, Any], context: RequestContext) -> None:
    """Know two actions."""
    if action.type not in ("change", "fail"):
        raise InvalidRequestError("This action is not known.")


async def handle_sync_action(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> SyncCustomActionResponse:
    """Change the card in place."""
    assert sender is not None
    changed = sender.model_copy(update={"widget": card("changed"), "copy_text": "changed"})
    return SyncCustomActionResponse(updated_item=changed)


async def handle_action(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> AsyncIterator[ThreadStreamEvent]:
    """Change the card in place, or fail."""
    calls["action"] += 1
    if action.type == "fail":
        raise RuntimeError("secret words of an action")
    assert sender is not None
    yield ThreadItemReplacedEvent(item=sender.model_copy(update={"widget": card("changed"), "copy_text": "changed"}))


def card(text: str) -> DynamicWidgetRoot:
    """Return a widget with a text."""
    return DynamicWidgetRoot.model_validate({"type": "Card", "children": [{"type": "Text", "value": text}]})
