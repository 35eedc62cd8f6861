"""The sample agents. Replace this package with your own and name it in `AGENT_FACTORY`.

The platform calls `build_agent` and these optional hooks: `check_action`, `handle_action` and `handle_sync_action` for
clicks in widgets; `search_entities`, `preview_entity` and `entity_to_input` for mentions with @; `find_sources` for the
sources of an answer; `records_of_user` for export and erasure; `JOBS` for long work. Each function imports its module
when it is called, so that the package itself is quick to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from chatkit.actions import Action
    from chatkit.agents import AgentContext
    from chatkit.types import Annotation, SyncCustomActionResponse, ThreadMetadata, ThreadStreamEvent, WidgetItem
    from chatkit.widgets import DynamicWidgetRoot

    from assistant.aws import Row, Table
    from assistant.context import RequestContext
    from assistant.identity import Caller
    from assistant.jobs import Job
    from assistant.settings import Settings
    from helpdesk.specialists.instructions import HelpdeskAgent


def build_agent(settings: Settings) -> HelpdeskAgent:
    """Return the agent that starts each turn. The platform chooses the model."""
    from helpdesk.specialists.router import build_router_agent

    return build_router_agent(settings)


async def check_action(action: Action[str, Any], context: RequestContext) -> None:
    """Refuse an invalid click before its turn starts; see `helpdesk.actions`."""
    from helpdesk import actions

    await actions.check_action(action, context)


def handle_action(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Handle a click in a widget; see `helpdesk.actions`."""
    from helpdesk import actions

    return actions.handle_action(thread, action, sender, context)


async def handle_sync_action(
    thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> SyncCustomActionResponse:
    """Handle a click that is answered with one updated item; see `helpdesk.actions`."""
    from helpdesk import actions

    return await actions.handle_sync_action(thread, action, sender, context)


async def search_entities(query: str, context: RequestContext) -> list[dict[str, Any]]:
    """Return the entities that match a query; see `helpdesk.entities`."""
    from helpdesk import entities

    return await entities.search_entities(query, context)


async def preview_entity(entity_id: str, context: RequestContext) -> DynamicWidgetRoot:
    """Return the preview of a mention; see `helpdesk.entities`."""
    from helpdesk import entities

    return await entities.preview_entity(entity_id, context)


async def entity_to_input(entity_id: str, context: RequestContext) -> str:
    """Return the text that the model reads for a mention; see `helpdesk.entities`."""
    from helpdesk import entities

    return await entities.entity_to_input(entity_id, context)


async def find_sources(text: str, context: RequestContext) -> list[Annotation]:
    """Return the sources of an answer; see `helpdesk.sources`."""
    from helpdesk import sources

    return await sources.find_sources(text, context)


async def _count_invoices(job: Job) -> str:
    from helpdesk.jobs import count_invoices

    return await count_invoices(job)


JOBS = {"count_invoices": _count_invoices}


async def records_of_user(table: Table, user: Caller) -> list[Row]:
    """Return a user's rows among the tenant's records: the tickets that the user opened."""
    from helpdesk.records.tickets import rows_opened_by

    return await rows_opened_by(table, user)
