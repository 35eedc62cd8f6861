"""The marks by which a model cites passages. They never reach a client or the store: sources take their place.

A mark is `[§k7f2]`. It stands for a passage that the turn has given to the model (`RequestContext.cited`). A mark that
stands for none, such as an invented one, is removed without a source.
"""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Sequence
from hashlib import sha256

from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    EntitySource,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
)

from assistant.context import CitedPassage, RequestContext
from assistant.texts import in_language

UpdateOfText = AssistantMessageContentPartTextDelta | AssistantMessageContentPartDone
# A million marks: two passages of one turn hardly ever get the same one, and then the second gets another.
MARK_CHARACTERS = 4
# A model may join marks: [§k7f2, §m3xa]. The space before them goes too.
_MARKS = re.compile(r" ?\[§[^\W_]{1,12}(?:[,; ]+§[^\W_]{1,12}){0,7}\]")
_NAME = re.compile(r"§([^\W_]+)")
# The end of a text that may be the beginning of marks.
_BEGUN = re.compile(r" ?(?:\[(?:§[^\W_]{0,12}(?:[,; ]+§?[^\W_]{0,12}){0,7})?)?$")


def note_passages(
    context: RequestContext, thread_id: str, passages: Sequence[CitedPassage], places: Sequence[str]
) -> list[str]:
    """Return a mark for each passage, and note what the mark stands for.

    Args:
        context: The turn's request.
        thread_id: The turn's thread.
        passages: The passages.
        places: What identifies each passage. The same passage gets the same mark again.
    """
    marks = []
    for passage, place in zip(passages, places, strict=True):
        attempt = 0
        while context.cited.setdefault(name := _name(thread_id, place, attempt), passage) != passage:
            attempt += 1
        marks.append(f"[§{name}]")
    return marks


def _name(thread_id: str, place: str, attempt: int) -> str:
    digest = sha256(f"{thread_id}/{place}/{attempt}".encode()).digest()
    return b32encode(digest).decode().lower()[:MARK_CHARACTERS]


class Marks:
    """Takes the marks out of the messages of one run.

    Args:
        context: The turn's request, with the passages that marks stand for.
    """

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        # What may be the beginning of a mark, by message and part.
        self._held: dict[tuple[str, int], str] = {}

    def updated(self, event: ThreadItemUpdatedEvent) -> ThreadItemUpdatedEvent | None:
        """Return an update without marks; None if nothing is left of it for now."""
        update = event.update
        match update:
            case AssistantMessageContentPartTextDelta(content_index=index, delta=delta):
                key = (event.item_id, index)
                held = self._held.pop(key, "")
                # Without a passage, hold no space back: deltas stay as they come.
                spaced = bool(self._context.cited) and delta.endswith(" ")
                if not held and "[" not in delta and not spaced:
                    return event
                text = _MARKS.sub("", held + delta)
                begun = _BEGUN.search(text)
                if begun is not None and begun[0] and (self._context.cited or begun[0] != " "):
                    self._held[key] = begun[0]
                    text = text[: begun.start()]
                if not text:
                    return None
                changed: UpdateOfText = update.model_copy(update={"delta": text})
            case AssistantMessageContentPartDone(content_index=index, content=content):
                self._held.pop((event.item_id, index), None)
                if "[§" not in content.text:
                    return event
                changed = update.model_copy(update={"content": self._cleaned(content)})
            case _:
                return event
        return event.model_copy(update={"update": changed})

    def done(self, event: ThreadStreamEvent) -> ThreadStreamEvent:
        """Return the event. A complete message has sources in place of its marks."""
        if not isinstance(event, ThreadItemDoneEvent) or not isinstance(event.item, AssistantMessageItem):
            return event
        if not any("[§" in part.text for part in event.item.content):
            return event
        content = [self._cleaned(part) for part in event.item.content]
        return ThreadItemDoneEvent(item=event.item.model_copy(update={"content": content}))

    def _cleaned(self, part: AssistantMessageContent) -> AssistantMessageContent:
        text, found = "", dict[tuple[str, int], Annotation]()
        removed: list[tuple[int, int]] = []
        end = 0
        for match in _MARKS.finditer(part.text):
            text += part.text[end : match.start()]
            end = match.end()
            removed.append((match.start(), len(match[0])))
            for name in _NAME.findall(match[0]):
                if (cited := self._context.cited.get(name)) is not None:
                    found[cited.entity_id, len(text)] = Annotation(
                        source=_source(cited, self._context.language), index=len(text)
                    )
        text += part.text[end:]
        kept = [_moved(each, removed) for each in part.annotations]
        return part.model_copy(update={"text": text, "annotations": [*kept, *found.values()]})


def _source(cited: CitedPassage, language: str) -> EntitySource:
    page = None if cited.page is None else in_language(f"Page {cited.page}", language)
    return EntitySource(id=cited.entity_id, title=cited.title, group=page, icon="document", interactive=True)


def _moved(annotation: Annotation, removed: Sequence[tuple[int, int]]) -> Annotation:
    """Return an annotation at its place in the text without the marks before it."""
    if annotation.index is None:
        return annotation
    before = sum(length for start, length in removed if start < annotation.index)
    return annotation.model_copy(update={"index": max(0, annotation.index - before)})
