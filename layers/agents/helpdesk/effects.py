"""What the helpdesk asks the page to do: names that the page's `onEffect` and `onClientTool` know."""

from __future__ import annotations

from typing import Literal

from chatkit.types import ClientEffectEvent

Theme = Literal["light", "dark"]

# A page may fetch the user's tasks anew, for a badge beside the chat.
TASKS_CHANGED = "tasks_changed"
# The page shows itself in `theme`, light or dark.
SET_THEME = "set_theme"
# A client tool: the page answers with its browser's language, time zone and clock.
GET_BROWSER_INFO = "get_browser_info"


def tasks_changed() -> ClientEffectEvent:
    """Return the effect that tells the page that the user's tasks are others than before."""
    return ClientEffectEvent(name=TASKS_CHANGED)


def set_theme(theme: Theme) -> ClientEffectEvent:
    """Return the effect that makes the page light or dark."""
    return ClientEffectEvent(name=SET_THEME, data={"theme": theme})
