"""Put the thread's history into the input of an export's run.

An export knows only the newest message. It builds the input of a run from that message and from the steps of this turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from agents import TResponseInputItem
from chatkit.types import ThreadItem, UserMessageItem

from assistant.agent.conversion import ItemConverter
from assistant.context import RequestContext
from assistant.workflows import UserText


class WorkflowInput:
    """The thread as the input of a workflow's runs.

    Attributes:
        message: The user's message that the workflow answers; None if it is not in the history any more.
    """

    def __init__(self, items: Sequence[ThreadItem], message_id: str | None, *, to_the_end: bool) -> None:
        """Find the message.

        Args:
            items: The history, the oldest first.
            message_id: The message; None for the newest one.
            to_the_end: Whether the items after the message belong to it, for example a form that the user answered.
        """
        found = [
            number
            for number, item in enumerate(items)
            if isinstance(item, UserMessageItem) and message_id in (None, item.id)
        ]
        place = found[-1] if found else None
        self.message = None if place is None else cast(UserMessageItem, items[place])
        self._before = [] if place is None else items[:place]
        self._own = [] if place is None else items[place:] if to_the_end else items[place : place + 1]
        self._earlier: list[TResponseInputItem] = []
        self._newest: list[TResponseInputItem] = []

    @property
    def text(self) -> str:
        """The text of the message."""
        return "" if self.message is None else "".join(part.text for part in self.message.content)

    async def load(self, context: RequestContext) -> None:
        """Convert the history, with the files that fit into one request."""
        self._earlier, self._newest = await ItemConverter(context).in_two_parts(self._before, self._own)

    def complete(self, given: str | list[TResponseInputItem]) -> list[TResponseInputItem]:
        """Return the input of a run. The user's message in it gets the earlier turns before it, and its files.

        Args:
            given: The input, as the export has built it.
        """
        items = [cast("TResponseInputItem", {"role": "user", "content": given})] if isinstance(given, str) else given
        for place, item in enumerate(items):
            texts = _texts(cast(dict[str, Any], item))
            marked = next((text for text in texts if isinstance(text, UserText)), None)
            if marked is not None:
                # A masked message stays as the guardrail has left it.
                whole = self._newest if len(texts) == 1 and not marked.masked and self._newest else [item]
                return [*items[:place], *self._earlier, *whole, *items[place + 1 :]]
        return list(items)


def _texts(item: dict[str, Any]) -> list[Any]:
    """Return the texts of a message of the user."""
    content = item.get("content") if item.get("role") == "user" else None
    if isinstance(content, list):
        return [part.get("text") for part in content if isinstance(part, dict)]
    return [content]
