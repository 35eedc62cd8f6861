"""A text that is being written: its card, and the parts of it that change.

A turn that is stopped leaves the card as it stands. So what it shows meanwhile stays true: no badge says "Writing".
"""

from __future__ import annotations

from typing import Literal

from chatkit.widgets import DynamicWidgetComponent, DynamicWidgetRoot

from helpdesk.widgets.parts import Part, badge, grow, icon, part, root, text

# The parts that are changed by name while the card is on the screen.
TEXT_ID = "draft-text"
STATE_ID = "draft-state"

State = Literal["ready", "incomplete"]
_COLORS: dict[State, str] = {"ready": "success", "incomplete": "warning"}


def empty_card() -> DynamicWidgetRoot:
    """Return the card before the first word."""
    return root("Card", size="md", children=[_header(_no_state()), part("Caption", value="No words yet.")])


def growing_card(written: str) -> DynamicWidgetRoot:
    """Return the card with the first words, to which others are added."""
    body = text(written, id=TEXT_ID, streaming=True)
    return root("Card", size="md", children=[_header(_no_state()), part("Divider"), body])


def ended_card(written: str, state: State) -> DynamicWidgetRoot:
    """Return the card to which no words are added any more."""
    body = text(written, id=TEXT_ID, streaming=False)
    return root("Card", size="md", children=[_header(_state(state)), part("Divider"), body])


def finished_state() -> DynamicWidgetComponent:
    """Return the badge of a text that is complete."""
    return DynamicWidgetComponent.model_validate(_state("ready"))


def _header(state: Part) -> Part:
    return part("Row", gap=2, align="center", children=[icon("write"), grow(part("Title", value="Draft")), state])


def _no_state() -> Part:
    """Return the place of the badge that is to come."""
    return part("Box", id=STATE_ID, children=[])


def _state(state: State) -> Part:
    return {**badge(state.capitalize(), _COLORS[state]), "id": STATE_ID}
