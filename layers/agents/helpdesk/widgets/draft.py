"""The card of a text that streams in, and its changing parts.

If the user stops the turn, the card stays as it is. So the card shows no "Writing" badge, which would then be wrong.
"""

from __future__ import annotations

from typing import Literal

from chatkit.widgets import DynamicWidgetComponent, DynamicWidgetRoot

from helpdesk.widgets.parts import Part, badge, grow, icon, part, root, text

# The ids of the components that change while the text streams.
TEXT_ID = "draft-text"
STATE_ID = "draft-state"

State = Literal["ready", "incomplete"]
_COLORS: dict[State, str] = {"ready": "success", "incomplete": "warning"}


def empty_card() -> DynamicWidgetRoot:
    """Return the card without text."""
    return root("Card", size="md", children=[_header(_no_state()), part("Caption", value="No words yet.")])


def growing_card(written: str) -> DynamicWidgetRoot:
    """Return the card with the first words. Later words are streamed into it."""
    body = text(written, id=TEXT_ID, streaming=True)
    return root("Card", size="md", children=[_header(_no_state()), part("Divider"), body])


def ended_card(written: str, state: State) -> DynamicWidgetRoot:
    """Return the final card."""
    body = text(written, id=TEXT_ID, streaming=False)
    return root("Card", size="md", children=[_header(_state(state)), part("Divider"), body])


def finished_state() -> DynamicWidgetComponent:
    """Return the badge of a complete text."""
    return DynamicWidgetComponent.model_validate(_state("ready"))


def _header(state: Part) -> Part:
    return part("Row", gap=2, align="center", children=[icon("write"), grow(part("Title", value="Draft")), state])


def _no_state() -> Part:
    """Return an empty box that the badge replaces later."""
    return part("Box", id=STATE_ID, children=[])


def _state(state: State) -> Part:
    return {**badge(state.capitalize(), _COLORS[state]), "id": STATE_ID}
