"""The cards that ask a user to approve a call and then show the decision and the call's state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from chatkit.actions import ActionConfig
from chatkit.types import ThreadItem, WidgetItem

from assistant import clock
from assistant.texts import DEFAULT_LANGUAGE, in_language
from assistant.widgets import unchecked

# The action type of a click on such a card.
DECIDE = "approval.decide"

Answer = Literal["begun", "approved", "rejected"]

_ASKS = "Needs your approval"
_STATUS: dict[Answer, str] = {
    "begun": "Approved, no result yet",
    "approved": "Approved",
    "rejected": "Not approved",
}
# The card shows this from the start of the call until the result is stored. If the process dies, the text stays.
_CHECK_FIRST = "Its outcome is not known: check before you ask again."
# The status for the model, which reads the card's `copy_text`.
_FOR_THE_MODEL: dict[Answer, str] = {
    **_STATUS,
    "begun": "Approved and begun. Its outcome is not known, it may have been carried out: check before another call.",
}


# The key of the widget stores the card's state, so no decision depends on a displayed text.
_ASKING_KEY = "approval.asking"


def _key_of(answer: Answer) -> str:
    return f"approval.{answer}"


_ANSWER_OF_KEY: dict[str, Answer] = {_key_of(answer): answer for answer in _STATUS}
# The texts of cards from release 0.1.0. They are in stored data, so never change them.
_EARLIER_STATUS: dict[Answer, str] = {
    "begun": "Approved, no result yet",
    "approved": "Approved",
    "rejected": "Not approved",
}
_EARLIER_COPY_TEXT: dict[Answer, str] = {
    **_EARLIER_STATUS,
    "begun": "Approved and begun. Its outcome is not known, it may have been carried out: check before another call.",
}


@dataclass(frozen=True)
class Call:
    """A call that waits for approval.

    Attributes:
        name: The tool's name.
        arguments: The arguments, as JSON.
        effect: What the call will do, in a sentence; empty if nobody says it.
        run_id: The run that waits.
        call_id: The call.
    """

    name: str
    arguments: str | None
    effect: str
    run_id: str
    call_id: str


def asking(item_id: str, thread_id: str, call: Call, language: str) -> WidgetItem:
    """Return the card that asks for the approval of a call: what the call will do, and its arguments.

    Args:
        item_id: The card's id.
        thread_id: The thread.
        call: The call.
        language: The language of the card, which it keeps. Its `copy_text` is English, because the model reads it.
    """
    title = _words(call.name)
    facts = _facts(call.arguments, language)
    rows: list[dict[str, Any]] = [
        {
            "type": "Row",
            "gap": 3,
            "align": "start",
            "children": [{"type": "Caption", "value": label}, {"type": "Text", "value": value, "size": "sm"}],
        }
        for label, value in facts.items()
    ]
    effect = [{"type": "Text", "value": call.effect, "weight": "medium"}] if call.effect else []
    card: dict[str, Any] = {
        "type": "Card",
        "key": _ASKING_KEY,
        "size": "sm",
        "status": {"text": in_language(_ASKS, language), "icon": "circle-question"},
        # The key of the title is the card's language, for the texts of its decision.
        "children": [{"type": "Title", "key": language, "value": title, "size": "sm"}, *effect, *rows],
    }
    for button, text, approve in (("confirm", "Approve", True), ("cancel", "Reject", False)):
        payload = {"run_id": call.run_id, "call_id": call.call_id, "approve": approve}
        card[button] = {
            "label": in_language(text, language),
            "action": ActionConfig(type=DECIDE, payload=payload).model_dump(),
        }
    described = ", ".join(f"{label}: {value}" for label, value in _facts(call.arguments).items())
    # A step of a workflow has no arguments: its effect is the question.
    described = described or ("" if call.arguments is not None else call.effect)
    head = f"{title} ({described})" if described else title
    return WidgetItem(
        id=item_id,
        thread_id=thread_id,
        created_at=clock.now(),
        widget=unchecked(card),
        copy_text=f"{head}: {_ASKS}",
    )


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _facts(arguments: str | None, language: str = DEFAULT_LANGUAGE) -> dict[str, str]:
    """Return a call's arguments for people, by their labels."""
    try:
        given: dict[str, Any] = json.loads(arguments or "{}")
    except ValueError:
        return {}
    return {_words(name): _shown(value, language) for name, value in given.items() if value is not None}


def _shown(value: Any, language: str) -> str:
    match value:
        case bool():
            return in_language("Yes" if value else "No", language)
        case None:
            return in_language("None", language)
        case list():
            return ", ".join(_shown(each, language) for each in value)
        case dict():
            return "; ".join(f"{_words(name)}: {_shown(each, language)}" for name, each in value.items())
        case _:
            return str(value)


def shown_answer(item: ThreadItem) -> Answer | None:
    """Return the state that a card shows; None if the card still asks, or if the item is no approval card."""
    if not isinstance(item, WidgetItem):
        return None
    if item.widget.key is not None:
        return _ANSWER_OF_KEY.get(item.widget.key)
    # A card of release 0.1.0 has no key. Compare both texts: a tool's own widget may contain one of them.
    told = [answer for answer, text in _EARLIER_COPY_TEXT.items() if (item.copy_text or "").endswith(f": {text}")]
    status = item.widget.model_dump().get("status") if told else None
    shown = status.get("text") if isinstance(status, dict) else None
    return next((answer for answer in told if shown == _EARLIER_STATUS[answer]), None)


def asks_for_approval(item: ThreadItem) -> bool:
    """Tell whether an item is a card that still asks. A card of release 0.1.0 is not recognised."""
    return isinstance(item, WidgetItem) and item.widget.key == _ASKING_KEY


def is_approved(item: ThreadItem) -> bool:
    """Tell whether an item is the card of an approved call that has started, with or without a known outcome."""
    return shown_answer(item) in ("begun", "approved")


def answered(card: WidgetItem, answer: Answer) -> WidgetItem:
    """Return the card with its decision and without its buttons, in the language in which it asked."""
    widget = card.widget.model_dump(exclude_none=True)
    # Cards of earlier releases have no language.
    language = widget["children"][0].get("key", DEFAULT_LANGUAGE)
    for button in ("confirm", "cancel"):
        widget.pop(button, None)
    widget["key"] = _key_of(answer)
    icon = "info" if answer == "begun" else "check-circle"
    widget["status"] = {"text": in_language(_STATUS[answer], language), "icon": icon}
    if answer == "begun":
        widget["children"] = [*widget["children"], {"type": "Caption", "value": in_language(_CHECK_FIRST, language)}]
    text = (card.copy_text or "").removesuffix(_ASKS) + _FOR_THE_MODEL[answer]
    return card.model_copy(update={"widget": unchecked(widget), "copy_text": text})
