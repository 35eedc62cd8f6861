"""The client effects and client tools that the page handles in `onEffect` and `onClientTool`."""

from __future__ import annotations

from typing import Literal

from chatkit.types import ClientEffectEvent

Theme = Literal["light", "dark"]

# The page may reload the user's tasks, for example for a badge beside the chat.
TASKS_CHANGED = "tasks_changed"
# The page switches to the light or dark theme.
SET_THEME = "set_theme"
# A client tool. The page returns its browser's language, time zone and clock.
GET_BROWSER_INFO = "get_browser_info"


def tasks_changed() -> ClientEffectEvent:
    """Return the effect that tells the page that the user's tasks have changed."""
    return ClientEffectEvent(name=TASKS_CHANGED)


def set_theme(theme: Theme) -> ClientEffectEvent:
    """Return the effect that switches the page's theme."""
    return ClientEffectEvent(name=SET_THEME, data={"theme": theme})
