"""Check and normalize the events of one answer of any provider.

- An event fails the answer if it lacks a field that the SDKs read, or names an item that was not announced. OpenAI's
  client (3.54) constructs such events without a check, and ChatKit fails on them.
- Ids of tool calls are replaced by our own. Providers repeat theirs in later rounds and turns, and even in one answer.
- A refusal becomes text: it is an answer. The Runner (openai-agents 0.24) fails a run whose last message is a refusal.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from agents.models.fake_id import FAKE_RESPONSES_ID
from openai.types.responses import (
    ResponseCompactionItem,
    ResponseContentPartAddedEvent,
    ResponseContentPartDoneEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputRefusal,
    ResponseOutputText,
    ResponseReasoningItem,
    ResponseRefusalDeltaEvent,
    ResponseRefusalDoneEvent,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
)
from pydantic import BaseModel

from assistant.models.failures import UnreadableAnswerError
from assistant.models.surrogates import clean_event, clean_items
from assistant.nesting import is_deep_text

if TYPE_CHECKING:
    from agents.items import TResponseOutputItem, TResponseStreamEvent

# Events that show nothing to a user. They are held back until one comes that does, so that a retry leaves no trace.
_SILENT = {
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.reasoning_summary_part.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
}
_TEXT_EVENTS = {
    "response.output_text.delta": "delta",
    "response.output_text.done": "text",
    "response.refusal.delta": "delta",
    "response.refusal.done": "refusal",
    "response.reasoning_text.delta": "delta",
    "response.reasoning_summary_text.delta": "delta",
    "response.reasoning_summary_text.done": "text",
}

# Arguments that no tool accepts, in place of some that Python cannot parse.
UNREADABLE_ARGUMENTS = "(The arguments were nested too deeply.)"

_PART_KINDS = ("output_text", "refusal", "reasoning_text")


class Answer:
    """Normalizes the events of one answer, in order."""

    def __init__(self) -> None:
        # By place and type: the SDK may give reasoning and a message the same place.
        self._started: set[tuple[int, str]] = set()
        self._ended: set[tuple[int, str]] = set()
        self._call_ids: dict[tuple[int, str], str] = {}

    def normalized(self, event: TResponseStreamEvent) -> TResponseStreamEvent | None:
        """Return the event with our ids of calls, refusals as text and text that can be stored.

        Returns:
            None for an event of an item that has ended, for example one that was sent twice.

        Raises:
            UnreadableAnswerError: the event is incomplete or does not fit those before it.
        """
        if self._is_plain_delta(event):
            return event
        if not self._check(event):
            return None
        match event.type:
            case "response.output_item.added" | "response.output_item.done":
                event.item = self._normalized_item(event.item, event.output_index)
            case "response.completed":
                output = event.response.output
                event.response.output = [self._normalized_item(item, at) for at, item in enumerate(output)]
            case _:
                event = _as_text(event)
        clean_event(event)
        return event

    def _is_plain_delta(self, event: TResponseStreamEvent) -> bool:
        """Tell whether an event is a delta of text that needs no change, as most events of an answer are."""
        return (
            isinstance(event, ResponseTextDeltaEvent)
            and isinstance(event.delta, str)
            and event.delta.isascii()
            and isinstance(event.item_id, str)
            and isinstance(event.content_index, int)
            and (place := (event.output_index, "message")) in self._started
            and place not in self._ended
        )

    def _check(self, event: TResponseStreamEvent) -> bool:
        """Check an event. Return False if its item has ended."""
        match event.type:
            case "response.output_item.added" | "response.output_item.done":
                _check_item(event.item)
                place = _whole(event.output_index), event.item.type
                if event.type == "response.output_item.added":
                    again = place in self._started
                    self._started.add(place)
                    return not again
                if place not in self._started:
                    raise UnreadableAnswerError("an item ended that had not started")
                again = place in self._ended
                self._ended.add(place)
                return not again
            case "response.completed":
                output = event.response.output
                if not isinstance(output, list) or len(output) < len(self._started):
                    raise UnreadableAnswerError("a response without the items that were streamed")
                for item in output:
                    _check_item(item)
                if any(kind == "message" for _, kind in self._started - self._ended):
                    raise UnreadableAnswerError("a response with a message that did not end")
            case "response.content_part.added" | "response.content_part.done":
                _check_part(event.part)
                return self._check_place(event, "message")
            case kind if kind in _TEXT_EVENTS:
                if not isinstance(getattr(event, _TEXT_EVENTS[kind], None), str):
                    raise UnreadableAnswerError("a delta without text")
                return self._check_place(event, "reasoning" if "reasoning" in kind else "message")
        return True

    def _check_place(self, event: Any, kind: str) -> bool:
        """Check that an event belongs to an item that has started. Return False if the item has ended."""
        place = _whole(getattr(event, "output_index", None)), kind
        if place not in self._started and event.type.startswith("response.content_part"):
            place = place[0], "reasoning"
        if place not in self._started or not isinstance(event.item_id, str):
            raise UnreadableAnswerError("a delta of an item that had not started")
        _whole(getattr(event, "summary_index", getattr(event, "content_index", None)))
        return place not in self._ended

    def _normalized_item(self, item: TResponseOutputItem, at: int) -> TResponseOutputItem:
        if isinstance(item, ResponseFunctionToolCall):
            # ChatKit (1.6.5) fails without an id. openai-agents removes this one before it sends the item.
            ours = {"call_id": self._our_id(at, item.call_id), "id": item.id or FAKE_RESPONSES_ID}
            if is_deep_text(item.arguments):
                # No tool can parse them. The model is told that the arguments are not valid.
                ours["arguments"] = UNREADABLE_ARGUMENTS
            return item.model_copy(update=ours)
        if isinstance(item, ResponseOutputMessage):
            return item.model_copy(update={"content": [_part_as_text(part) for part in item.content]})
        return item

    def _our_id(self, at: int, provider_id: str) -> str:
        known = self._call_ids.get((at, provider_id))
        if known is None:
            # The SDK may list an answer's items in another order than it streamed them.
            moved = [ours for (_, theirs), ours in self._call_ids.items() if theirs == provider_id]
            known = moved[0] if len(moved) == 1 and (at, "function_call") not in self._started else new_call_id()
            self._call_ids[at, provider_id] = known
        return known


def new_call_id() -> str:
    """Return an id for a tool call. OpenAI takes up to 40 characters."""
    return f"call_{uuid.uuid4().hex[:24]}"


def normalized_output(items: Iterable[TResponseOutputItem]) -> list[TResponseOutputItem]:
    """Return the items of an answer that was not streamed, as `Answer.normalized` does for a stream.

    Raises:
        UnreadableAnswerError: an item is incomplete.
    """
    answer = Answer()
    output = list(items)
    for item in output:
        _check_item(item)
    output = [answer._normalized_item(item, at) for at, item in enumerate(output)]
    clean_items(output)
    return output


def shows(event: TResponseStreamEvent) -> bool:
    """Tell whether a user sees something of this event."""
    if event.type in _SILENT:
        return False
    field = _TEXT_EVENTS.get(event.type)
    if field is not None:
        return bool(getattr(event, field).strip())
    match event:
        case ResponseContentPartDoneEvent():
            return bool((getattr(event.part, "text", None) or "").strip())
        case _ if event.type == "response.reasoning_summary_part.done":
            return False
        case _ if event.type == "response.output_item.done":
            return not isinstance(event.item, ResponseFunctionToolCall | ResponseReasoningItem) and not is_empty(
                [event.item]
            )
        case _ if event.type == "response.completed":
            return not is_empty(event.response.output)
        case _:
            return True


def is_reasoning(event: TResponseStreamEvent) -> bool:
    """Tell whether an event shows the model's reasoning. An answer can start again after it."""
    part = getattr(event, "part", None)
    return event.type.startswith("response.reasoning") or getattr(part, "type", None) == "reasoning_text"


def is_empty(output: Iterable[TResponseOutputItem]) -> bool:
    """Tell whether an answer has neither text nor a call: only reasoning, compactions and blank messages."""
    for item in output:
        if isinstance(item, ResponseOutputMessage):
            if any(
                (getattr(part, "text", None) or getattr(part, "refusal", None) or "").strip() for part in item.content
            ):
                return False
        elif not isinstance(item, ResponseReasoningItem | ResponseCompactionItem):
            return False
    return True


def _as_text(event: TResponseStreamEvent) -> TResponseStreamEvent:
    """Return an event of a refusal as the event of a text."""
    match event:
        case ResponseContentPartAddedEvent() | ResponseContentPartDoneEvent():
            return event.model_copy(update={"part": _part_as_text(event.part)})
        case ResponseRefusalDeltaEvent():
            return ResponseTextDeltaEvent(
                type="response.output_text.delta",
                item_id=event.item_id,
                output_index=event.output_index,
                content_index=event.content_index,
                delta=event.delta,
                logprobs=[],
                sequence_number=event.sequence_number,
            )
        case ResponseRefusalDoneEvent():
            return ResponseTextDoneEvent(
                type="response.output_text.done",
                item_id=event.item_id,
                output_index=event.output_index,
                content_index=event.content_index,
                text=event.refusal,
                logprobs=[],
                sequence_number=event.sequence_number,
            )
    return event


def _part_as_text(part: Any) -> Any:
    if isinstance(part, ResponseOutputRefusal):
        return ResponseOutputText(type="output_text", text=part.refusal, annotations=[])
    return part


def _check_item(item: Any) -> None:
    """Raise `UnreadableAnswerError` for an item that lacks what the SDKs read from it."""
    texts = [getattr(item, "type", None)]
    match texts[0]:
        case "function_call":
            texts += [item.call_id, item.name, item.arguments]
        case "message":
            texts.append(item.id)
            if not isinstance(item.content, list):
                raise UnreadableAnswerError("a message without content")
            for part in item.content:
                _check_part(part)
        case "reasoning":
            if not isinstance(item.summary, list):
                raise UnreadableAnswerError("reasoning without a summary")
            texts += [item.id, *(getattr(part, "text", None) for part in item.summary)]
    if not all(isinstance(text, str) for text in texts):
        raise UnreadableAnswerError("an incomplete item")


def _check_part(part: Any) -> None:
    kind = getattr(part, "type", None)
    if kind not in _PART_KINDS and part is not None:
        # ChatKit reads a part of an unknown kind as a refusal.
        part.type = kind = "output_text"
    if kind == "output_text":
        # Compatible servers leave them out.
        given = getattr(part, "annotations", None)
        part.annotations = [each for each in given if isinstance(each, BaseModel)] if isinstance(given, list) else []
    if not isinstance(getattr(part, "refusal" if kind == "refusal" else "text", None), str):
        raise UnreadableAnswerError("a part without text")


def _whole(index: Any) -> int:
    if not isinstance(index, int):
        raise UnreadableAnswerError("an event without its place")
    return index
