"""The agents of the platform's tests: some agents with tools, widgets, an approval, a form and a guardrail.

They stand for a package of a team, and share nothing with the sample, which a team deletes. A test names them as
`FACTORY`. A test of a deployment copies this folder into its checkout's `layers/agents`, so the imports are relative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agents import Agent
    from chatkit.actions import Action
    from chatkit.agents import AgentContext
    from chatkit.types import Annotation, SyncCustomActionResponse, ThreadMetadata, ThreadStreamEvent, WidgetItem
    from chatkit.widgets import DynamicWidgetRoot

    from assistant.aws import Row, Table
    from assistant.context import RequestContext
    from assistant.identity import Caller
    from assistant.settings import Settings

FACTORY = f"{__name__}:build_agent"


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent that starts each turn."""
    from .specialists import build_router

    return build_router(settings)


async def check_action(action: Action[str, Any], context: RequestContext) -> None:
    """Refuse an invalid click before its turn starts."""
    from . import actions

    await actions.check_action(action, context)


def handle_action(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Handle a click in a turn of its own."""
    from . import actions

    return actions.handle_action(thread, action, sender, context)


async def handle_sync_action(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> SyncCustomActionResponse:
    """Handle a click that is answered with one changed widget."""
    from . import actions

    return await actions.handle_sync_action(thread, action, sender, context)


async def search_entities(query: str, context: RequestContext) -> list[dict[str, Any]]:
    """Return what can be mentioned."""
    from . import entities

    return await entities.search_entities(query, context)


async def preview_entity(entity_id: str, context: RequestContext) -> DynamicWidgetRoot:
    """Return the preview of a mention."""
    from . import entities

    return await entities.preview_entity(entity_id, context)


async def entity_to_input(entity_id: str, context: RequestContext) -> str:
    """Return the text that the model reads for a mention."""
    from . import entities

    return await entities.entity_to_input(entity_id, context)


async def find_sources(text: str, context: RequestContext) -> list[Annotation]:
    """Return the sources of an answer."""
    from . import entities

    return await entities.find_sources(text, context)


async def records_of_user(table: Table, user: Caller) -> list[Row]:
    """Return a user's rows among the tenant's records."""
    from .records import tickets_of

    return await tickets_of(table, user)
