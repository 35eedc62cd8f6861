"""The card of the notes, and what its buttons do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatkit.actions import Action
from chatkit.types import SyncCustomActionResponse, WidgetItem
from chatkit.widgets import DynamicWidgetRoot

from assistant.errors import InvalidRequestError
from assistant.widgets import widget
from new_package.records import Note, Notes

if TYPE_CHECKING:
    from assistant.context import RequestContext

REMOVE = "notes.remove"


def notes_card(notes: list[Note]) -> DynamicWidgetRoot:
    """Return the card. https://widgets.chatkit.studio shows all components."""
    rows = [_row(note) for note in notes] or [{"type": "Caption", "value": "No notes."}]
    return widget({"type": "Card", "children": rows})


def notes_text(notes: list[Note]) -> str:
    """Return the notes as text, for the copy button."""
    return "\n".join(f"- {note.text}" for note in notes)


def _row(note: Note) -> dict[str, Any]:
    # `streaming` False: `handle_sync_action` answers the click with one changed widget.
    action = {"type": REMOVE, "payload": {"note_id": note.id}, "streaming": False}
    text = {"type": "Text", "value": note.text}
    button = {"type": "Button", "label": "Remove", "size": "sm", "onClickAction": action}
    return {"type": "Row", "justify": "between", "children": [text, button]}


async def remove_note(
    action: Action[str, Any], sender: WidgetItem | None, request: RequestContext
) -> SyncCustomActionResponse:
    """Remove a note, and return the changed card. The payload comes from a browser, so it is checked like any input.

    Raises:
        InvalidRequestError: The action is none of this card's.
    """
    match action.type, action.payload, sender:
        case "notes.remove", {"note_id": str(note_id)}, WidgetItem():
            notes = Notes(request.resources.table, request.caller)
        case _:
            raise InvalidRequestError("This action does not exist.")
    await notes.remove(note_id)
    left = await notes.all()
    changed = {"widget": notes_card(left), "copy_text": notes_text(left)}
    return SyncCustomActionResponse(updated_item=sender.model_copy(update=changed))
