"""A widget that ChatKit's classes refuse."""

from chatkit.widgets import DynamicWidgetRoot


def card(title: str) -> DynamicWidgetRoot:
    """Return a card with children that are no list."""
    return DynamicWidgetRoot.model_validate({"type": "Card", "children": title})
