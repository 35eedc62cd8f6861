"""A text that is being written: its card, and the parts of it that change."""

from __future__ import annotations

from typing import Literal

from chatkit.widgets import DynamicWidgetComponent, DynamicWidgetRoot

from helpdesk.widgets.parts import Part, badge, grow, icon, part, root, text

# The parts that are changed by name while the card is on the screen.
TEXT_ID = "draft-text"
STATE_ID = "draft-state"

State = Literal["writing", "ready", "incomplete"]
_COLORS: dict[State, str] = {"writing": "info", "ready": "success", "incomplete": "warning"}


def empty_card() -> DynamicWidgetRoot:
    """Return the card before the first word."""
    return root("Card", size="md", children=[_header(_state("writing")), part("Caption", value="Finding words …")])


def draft_card(written: str, state: State) -> DynamicWidgetRoot:
    """Return the card with what is written so far."""
    body = text(written, id=TEXT_ID, streaming=state == "writing")
    return root("Card", size="md", children=[_header(_state(state)), part("Divider"), body])


def finished_state() -> DynamicWidgetComponent:
    """Return the badge of a text that is complete."""
    return DynamicWidgetComponent.model_validate(_state("ready"))


def _header(state: Part) -> Part:
    return part("Row", gap=2, align="center", children=[icon("write"), grow(part("Title", value="Draft")), state])


def _state(state: State) -> Part:
    return {**badge(state.capitalize(), _COLORS[state]), "id": STATE_ID}
