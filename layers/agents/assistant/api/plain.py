"""The plain call: a message in, text out, without ChatKit's events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatkit.types import (
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ErrorEvent,
    NoticeEvent,
    ProgressUpdateEvent,
    ThreadItem,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
    WidgetItem,
)

from assistant.api.events import encode_event, encode_failure, encode_object, localized

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from assistant.turns import TurnHandle

SEPARATOR = "\n\n"


class Answer:
    """A turn's answer as text: its messages and the copy text of its widgets."""

    def __init__(self) -> None:
        # Kept as pieces: joining them at each event would take quadratic time.
        self._texts: dict[str, list[str]] = {}

    @property
    def text(self) -> str:
        """The whole text so far."""
        return SEPARATOR.join("".join(pieces) for pieces in self._texts.values() if pieces)

    def take(self, event: ThreadStreamEvent) -> str:
        """Apply an event and return the text that it adds at the end."""
        match event:
            case ThreadItemUpdatedEvent(item_id=item_id, update=AssistantMessageContentPartTextDelta(delta=delta)):
                return self._add(item_id, delta)
            case ThreadItemUpdatedEvent(item_id=item_id, update=AssistantMessageContentPartAdded(content=content)):
                return self._add(item_id, content.text)
            case ThreadItemDoneEvent(item=item) | ThreadItemReplacedEvent(item=item):
                return self._complete(item)
            case ThreadItemRemovedEvent(item_id=item_id):
                self._texts.pop(item_id, None)
        return ""

    def _add(self, item_id: str, text: str) -> str:
        pieces = self._texts.setdefault(item_id, [])
        if not text:
            return ""
        separator = SEPARATOR if not pieces and any(self._texts.values()) else ""
        pieces.append(text)
        return separator + text

    def _complete(self, item: ThreadItem) -> str:
        match item:
            case AssistantMessageItem(content=content):
                whole = "".join(part.text for part in content)
            case WidgetItem(copy_text=str(copied)):
                whole = copied
            case _:
                return ""
        said = "".join(self._texts.get(item.id, []))
        if whole.startswith(said):
            return self._add(item.id, whole[len(said) :])
        # The final text replaces the streamed text. Only the last frame contains it.
        self._texts[item.id] = [whole] if whole else []
        return ""


async def plain_frames(turn: TurnHandle, language: str) -> AsyncGenerator[bytes, None]:
    """Yield a turn as the plain call's stream: statuses, text deltas, and last the whole text.

    A failure becomes ChatKit's `error` event before the last frame.
    """
    answer = Answer()
    try:
        async for event in turn.events():
            match localized(event, language):
                case ProgressUpdateEvent(text=status) | NoticeEvent(message=status):
                    yield encode_object({"partial": status})
                case ErrorEvent() as failure:
                    yield encode_event(failure)
                case _:
                    added = answer.take(event)
                    if added:
                        yield encode_object({"text": added})
    except Exception as error:
        yield encode_failure(error, language)
    yield encode_object({"final": answer.text, "done": True, "thread_id": turn.thread_id})
