"""The marks by which a model cites passages. They never reach a client or the store: sources take their place.

A mark stands for a passage that the turn has given to the model (`RequestContext.cited`). A mark that stands for none,
such as an invented one, is removed without a source. A turn that knows no passages keeps its text as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

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
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputItem

from assistant.agent.mark_grammar import decided, found_marks, mark_name
from assistant.context import KNOWLEDGE, CitedPassage, RequestContext
from assistant.texts import in_language


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
        while context.cited.setdefault(name := mark_name(thread_id, place, attempt), passage) != passage:
            attempt += 1
        marks.append(f"[§{name}]")
    return marks


def without_marks(text: str, context: RequestContext) -> str:
    """Return a text of the model without marks."""
    if not _has_passages(context):
        return text
    kept, end = "", 0
    for mark in found_marks(text, context.cited):
        kept += text[end : mark.start]
        end = mark.end
    return kept + text[end:]


def clean_arguments(items: Iterable[ResponseOutputItem], context: RequestContext) -> None:
    """Take the marks out of the arguments of a model's calls: no tool, card or stored call has a use for them."""
    for item in items:
        if not isinstance(item, ResponseFunctionToolCall) or not _has_passages(context):
            continue
        with suppress(ValueError, RecursionError):  # Such arguments stay: the tool refuses them.
            given = json.loads(item.arguments)
            if (cleaned := _without_marks_inside(given, context)) != given:
                item.arguments = json.dumps(cleaned, ensure_ascii=False)


def _without_marks_inside(value: Any, context: RequestContext) -> Any:
    match value:
        case str():
            return without_marks(value, context)
        case list():
            return [_without_marks_inside(each, context) for each in value]
        case dict():
            return {name: _without_marks_inside(each, context) for name, each in value.items()}
        case _:
            return value


def _has_passages(context: RequestContext) -> bool:
    """Tell whether the model has read passages, in this turn or earlier in the thread."""
    return bool(context.cited) or KNOWLEDGE in context.outside


class Marks:
    """Takes the marks out of the messages of one run.

    Args:
        context: The turn's request, with the passages that marks stand for.
    """

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        # What may belong to a mark, by message and part.
        self._held: dict[tuple[str, int], str] = {}

    def updated(self, event: ThreadItemUpdatedEvent) -> list[ThreadItemUpdatedEvent]:
        """Return an update without marks, and before the end of a part the text that was held back."""
        update = event.update
        match update:
            case AssistantMessageContentPartTextDelta(content_index=index, delta=delta) if _has_passages(self._context):
                key = (event.item_id, index)
                text = self._held.pop(key, "") + delta
                end = decided(text)
                if end < len(text):
                    self._held[key] = text[end:]
                return _delta(event.item_id, index, without_marks(text[:end], self._context))
            case AssistantMessageContentPartDone(content_index=index, content=content):
                rest = without_marks(self._held.pop((event.item_id, index), ""), self._context)
                changed = update.model_copy(update={"content": self._cleaned(content)})
                return [*_delta(event.item_id, index, rest), event.model_copy(update={"update": changed})]
            case _:
                return [event]

    def done(self, event: ThreadStreamEvent) -> ThreadStreamEvent:
        """Return the event. A complete message has sources in place of its marks."""
        if not isinstance(event, ThreadItemDoneEvent) or not isinstance(event.item, AssistantMessageItem):
            return event
        content = [self._cleaned(part) for part in event.item.content]
        return ThreadItemDoneEvent(item=event.item.model_copy(update={"content": content}))

    def _cleaned(self, part: AssistantMessageContent) -> AssistantMessageContent:
        marks = found_marks(part.text, self._context.cited) if _has_passages(self._context) else []
        if not marks:
            return part
        text, found = "", dict[tuple[str, int], Annotation]()
        end = 0
        for mark in marks:
            text += part.text[end : mark.start]
            end = mark.end
            for name in mark.names:
                if (cited := self._context.cited.get(name)) is not None:
                    found[cited.entity_id, len(text)] = Annotation(
                        source=_source(cited, self._context.language), index=len(text)
                    )
        text += part.text[end:]
        removed = [(mark.start, mark.end - mark.start) for mark in marks]
        kept = [_moved(each, removed) for each in part.annotations]
        return part.model_copy(update={"text": text, "annotations": [*kept, *found.values()]})


def _delta(item_id: str, index: int, text: str) -> list[ThreadItemUpdatedEvent]:
    update = AssistantMessageContentPartTextDelta(content_index=index, delta=text)
    return [ThreadItemUpdatedEvent(item_id=item_id, update=update)] if text else []


def _source(cited: CitedPassage, language: str) -> EntitySource:
    page = None if cited.page is None else in_language(f"Page {cited.page}", language)
    return EntitySource(id=cited.entity_id, title=cited.title, group=page, icon="document", interactive=True)


def _moved(annotation: Annotation, removed: Sequence[tuple[int, int]]) -> Annotation:
    """Return an annotation at its place in the text without the marks before it."""
    if annotation.index is None:
        return annotation
    before = sum(length for start, length in removed if start < annotation.index)
    return annotation.model_copy(update={"index": max(0, annotation.index - before)})
