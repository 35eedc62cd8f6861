"""The sample agents: replace this package by your own and name it in `AGENT_FACTORY`.

The platform calls `build_agent`, and finds the optional hooks beside it: `handle_action` and
`handle_sync_action` for clicks in widgets. Nothing heavy is imported before one of them is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chatkit.actions import Action
    from chatkit.agents import AgentContext
    from chatkit.types import SyncCustomActionResponse, ThreadMetadata, ThreadStreamEvent, WidgetItem

    from assistant.context import RequestContext
    from assistant.settings import Settings
    from helpdesk.specialists.instructions import HelpdeskAgent


def build_agent(settings: Settings) -> HelpdeskAgent:
    """Return the agent that begins each turn. The model is chosen by the platform."""
    from helpdesk.specialists.router import build_router_agent

    return build_router_agent(settings)


def handle_action(
    thread: ThreadMetadata,
    action: Action[str, Any],
    sender: WidgetItem | None,
    context: AgentContext[RequestContext],
) -> AsyncIterator[ThreadStreamEvent]:
    """Handle a click in a widget; see `helpdesk.actions`."""
    from helpdesk import actions

    return actions.handle_action(thread, action, sender, context)


async def handle_sync_action(
    thread: ThreadMetadata,
    action: Action[str, Any],
    sender: WidgetItem | None,
    context: AgentContext[RequestContext],
) -> SyncCustomActionResponse:
    """Handle a click in a widget that is answered by one updated item; see `helpdesk.actions`."""
    from helpdesk import actions

    return await actions.handle_sync_action(thread, action, sender, context)
