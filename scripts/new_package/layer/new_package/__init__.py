"""Your agents. The platform calls `build_agent`, and the optional hooks that `assistant/hooks.py` lists.

Import inside the functions: requests without an agent then start faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents import Agent
    from chatkit.actions import Action
    from chatkit.agents import AgentContext
    from chatkit.types import SyncCustomActionResponse, ThreadMetadata, WidgetItem

    from assistant.context import RequestContext
    from assistant.settings import Settings


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent that starts each turn. The platform chooses the model."""
    from new_package.agents import build_notes_agent

    return build_notes_agent()


async def handle_sync_action(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> SyncCustomActionResponse:
    """Handle a click in a widget; see `new_package.widgets`."""
    from new_package.widgets import remove_note

    return await remove_note(action, sender, context.request_context)
