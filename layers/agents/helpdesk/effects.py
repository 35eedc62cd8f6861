"""What the helpdesk asks the page to do: names that the page's `onEffect` and `onClientTool` know."""

from __future__ import annotations

from chatkit.types import ClientEffectEvent

# A page may fetch the user's tasks anew, for a badge beside the chat.
TASKS_CHANGED = "tasks_changed"
# A client tool: the page answers with its browser's name, language and window size.
GET_BROWSER_DETAILS = "get_browser_details"


def tasks_changed() -> ClientEffectEvent:
    """Return the effect that tells the page that the user's tasks are others than before."""
    return ClientEffectEvent(name=TASKS_CHANGED)
