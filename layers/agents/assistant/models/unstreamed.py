"""Stream the messages that were not streamed and are only in the last event of a response.

A server may send a whole response without its deltas. ChatKit shows only streamed messages, so the user would read
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from openai.types.responses import (
    ResponseContentPartAddedEvent,
    ResponseContentPartDoneEvent,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
)

if TYPE_CHECKING:
    from agents.items import TResponseStreamEvent


def streamed(message: ResponseOutputMessage, place: int, sequence: int) -> Iterator[TResponseStreamEvent]:
    """Yield the events of a whole message.

    Args:
        message: A message with text parts only.
        place: Its place in the response.
        sequence: The sequence number of its events.
    """
    begun = message.model_copy(update={"content": [], "status": "in_progress"})
    item: dict[str, Any] = {"output_index": place, "sequence_number": sequence}
    yield ResponseOutputItemAddedEvent(type="response.output_item.added", item=begun, **item)
    for index, part in enumerate(message.content):
        if isinstance(part, ResponseOutputText):
            at: dict[str, Any] = {"item_id": message.id, "content_index": index, **item}
            blank = part.model_copy(update={"text": "", "annotations": []})
            yield ResponseContentPartAddedEvent(type="response.content_part.added", part=blank, **at)
            yield ResponseTextDeltaEvent(type="response.output_text.delta", delta=part.text, logprobs=[], **at)
            yield ResponseTextDoneEvent(type="response.output_text.done", text=part.text, logprobs=[], **at)
            yield ResponseContentPartDoneEvent(type="response.content_part.done", part=part, **at)
    yield ResponseOutputItemDoneEvent(type="response.output_item.done", item=message, **item)
