"""The card that shows a kept fact, with a button that removes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatkit.actions import Action
from chatkit.types import WidgetItem
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from assistant.context import RequestContext
from assistant.errors import InvalidRequestError
from assistant.memory.rows import Fact, remove_fact
from assistant.texts import in_language
from assistant.widgets import unchecked

if TYPE_CHECKING:
    from chatkit.widgets import DynamicWidgetRoot

# The action type of a click on the button.
FORGET = "memory.forget"

_KEPT = "Kept for later conversations"
_FORGOTTEN = "Forgotten"


class _Click(BaseModel):
    fact_id: str


def kept_card(fact: Fact, language: str) -> DynamicWidgetRoot:
    """Return the card of a fact that is kept now."""
    button = {
        "type": "Button",
        "label": in_language("Forget", language),
        "size": "sm",
        "variant": "outline",
        "onClickAction": {
            "type": FORGET,
            "payload": {"fact_id": fact.id},
            "handler": "server",
            "loadingBehavior": "self",
            # One changed card answers the click, without a turn.
            "streaming": False,
        },
    }
    # The key of the text is the card's language, for the card without the fact.
    text = {"type": "Text", "key": language, "value": fact.text}
    return _card(in_language(_KEPT, language), [text, button])


def copy_text(fact: Fact) -> str:
    """Return what the model reads of the card in later turns."""
    # The marks of context must not be in it.
    return f"{_KEPT}: {fact.text}".replace("<", "[").replace(">", "]")


def _card(status: str, children: list[dict[str, Any]]) -> DynamicWidgetRoot:
    card = {"type": "Card", "size": "sm", "status": {"text": status, "icon": "notebook-pencil"}, "children": children}
    return unchecked(card)


async def forgotten_card(action: Action[str, Any], sender: WidgetItem | None, context: RequestContext) -> WidgetItem:
    """Remove the fact of a click, and return the card without it.

    Raises:
        InvalidRequestError: the click names another fact than its card, or comes from no card.
    """
    try:
        click = _Click.model_validate(action.payload)
    except ValidationError:
        raise InvalidRequestError("The values of this action are not valid.") from None
    if sender is None:
        raise InvalidRequestError("An action comes from a widget.")
    if to_json(click.fact_id) not in to_json(sender.widget):
        raise InvalidRequestError("This card shows another fact.")
    await remove_fact(click.fact_id, context)
    status = in_language(_FORGOTTEN, context.language)
    # The key is for a second click on the same button.
    text = {"type": "Caption", "key": click.fact_id, "value": status}
    return sender.model_copy(update={"widget": _card(status, [text]), "copy_text": _FORGOTTEN})
