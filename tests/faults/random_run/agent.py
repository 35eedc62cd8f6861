"""The agents of a random run: tools whose effects are counted in the table, a card, a form, a browser's tool.

The demo model does what the user's lines say, so each message asks for what is checked afterwards.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, function_tool
from chatkit.actions import Action
from chatkit.agents import AgentContext
from chatkit.types import (
    SyncCustomActionResponse,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    WidgetItem,
)

from assistant.aws import keys
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError
from assistant.settings import Settings
from tests.support.turn_agents import Context, ask_browser, ask_form, card, note

FACTORY = "tests.faults.random_run.agent:build_agent"
EFFECT, PAYMENT = "effect#", "payment#"


async def _note(context: Context, what: str) -> None:
    """Note that something was done: a row for each time, which a call that is repeated on its way writes again."""
    request = context.context.request_context
    key = keys.Key(keys.app_partition(request.caller.tenant_id, request.caller.user_id), f"{what}#{uuid.uuid4()}")
    await request.resources.table.put(key, {"done": True})


@function_tool
async def effect(context: Context, tag: str) -> str:
    """Do something that shows outside."""
    await _note(context, EFFECT + tag)
    return f"did {tag}"


@function_tool(needs_approval=True)
async def pay(context: Context, tag: str) -> str:
    """Pay for something."""
    await _note(context, PAYMENT + tag)
    return f"paid {tag}"


@function_tool
async def show_card(context: Context, text: str) -> str:
    """Show a card."""
    await context.context.stream_widget(card(text), copy_text=text)
    return "shown"


@function_tool
async def wait(context: Context, seconds: float) -> str:
    """Take some time."""
    await asyncio.sleep(seconds)
    return "waited"


@function_tool
async def block(context: Context, seconds: float) -> str:
    """Keep the event loop for some time, as a tool should not."""
    time.sleep(seconds)  # noqa: ASYNC251 - this is the harm
    return "computed"


TOOLS: list[Any] = [effect, pay, show_card, wait, block, note, ask_browser, ask_form]


def build_agent(settings: Settings) -> Agent[Any]:
    """Return an agent with all tools."""
    return Agent(
        name="Helper",
        instructions="You help.",
        tools=TOOLS,
        tool_use_behavior={"stop_at_tool_names": ["ask_browser", "ask_form"]},
    )


async def check_action(action: Action[str, Any], context: RequestContext) -> None:
    """Know one action."""
    if action.type != "change":
        raise InvalidRequestError("This action is not known.")


def _changed(sender: WidgetItem | None, action: Action[str, Any]) -> WidgetItem:
    assert sender is not None
    text = str(action.payload["to"])
    return sender.model_copy(update={"widget": card(text), "copy_text": text})


async def handle_sync_action(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> SyncCustomActionResponse:
    """Change a card, answered at once."""
    return SyncCustomActionResponse(updated_item=_changed(sender, action))


async def handle_action(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> AsyncIterator[ThreadStreamEvent]:
    """Change a card in a turn."""
    yield ThreadItemReplacedEvent(item=_changed(sender, action))
