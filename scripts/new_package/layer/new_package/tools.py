"""The tools. They authorise by the caller of the verified token only, never by text from a model."""

from __future__ import annotations

from typing import Annotated

from agents.tool_context import ToolContext
from chatkit.agents import AgentContext
from chatkit.types import ProgressUpdateEvent

from assistant.agent import assistant_tool
from assistant.context import RequestContext
from assistant.settings import read_variables
from new_package.records import Notes
from new_package.settings import Variables
from new_package.widgets import notes_card, notes_text


@assistant_tool
async def keep_note(
    context: ToolContext[AgentContext[RequestContext]], text: Annotated[str, "The note, in one line."]
) -> str:
    """Keep a note for the user. The user sees all notes in a card."""
    request = context.context.request_context
    notes = Notes(request.resources.table, request.caller)
    await context.context.stream(ProgressUpdateEvent(text="Keeping your note"))
    await notes.add(text, most=read_variables(Variables).new_package_most_notes)
    kept = await notes.all()
    await context.context.stream_widget(notes_card(kept), copy_text=notes_text(kept))
    return f"Kept. The user has {len(kept)} notes."
