"""Write a response as the stream of Responses events that the SDK's own models emit.

For models that run in this process, such as the demo model. The events have the order of the Responses API:
https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseContentPartAddedEvent,
    ResponseContentPartDoneEvent,
    ResponseCreatedEvent,
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseFunctionCallArgumentsDoneEvent,
    ResponseFunctionToolCall,
    ResponseImageGenCallCompletedEvent,
    ResponseImageGenCallGeneratingEvent,
    ResponseImageGenCallInProgressEvent,
    ResponseImageGenCallPartialImageEvent,
    ResponseInProgressEvent,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseOutputTextAnnotationAddedEvent,
    ResponseReasoningItem,
    ResponseReasoningSummaryPartAddedEvent,
    ResponseReasoningSummaryPartDoneEvent,
    ResponseReasoningSummaryTextDeltaEvent,
    ResponseReasoningSummaryTextDoneEvent,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
    ResponseUsage,
)
from openai.types.responses.response_output_item import ImageGenerationCall
from openai.types.responses.response_output_text import AnnotationURLCitation
from openai.types.responses.response_reasoning_item import Summary
from openai.types.responses.response_reasoning_summary_part_added_event import Part as PartAdded
from openai.types.responses.response_reasoning_summary_part_done_event import Part as PartDone

if TYPE_CHECKING:
    from agents.items import TResponseOutputItem, TResponseStreamEvent


def _new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


class ResponseWriter:
    """Builds one response. Each method yields the events for what it adds.

    Write text between `open_text` and `close_text`, and a reasoning summary between `open_reasoning` and
    `close_reasoning`. Open nothing else in between.
    """

    def __init__(self, model_name: str) -> None:
        self._response = Response(
            id=_new_id("resp"),
            created_at=time.time(),
            model=model_name,
            object="response",
            output=[],
            parallel_tool_calls=True,
            status="in_progress",
            tool_choice="auto",
            tools=[],
        )
        self._sequence = 0
        self._message: ResponseOutputMessage | None = None
        # Joined only when needed: joining at each delta would take quadratic time.
        self._deltas: list[str] = []
        self._reasoning: ResponseReasoningItem | None = None
        self._written = 0

    @property
    def output(self) -> list[TResponseOutputItem]:
        """The completed items."""
        return self._response.output

    @property
    def response_id(self) -> str:
        """The response's id."""
        return self._response.id

    @property
    def written(self) -> int:
        """Characters of text, reasoning and arguments so far."""
        return self._written

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def begin(self) -> Iterator[TResponseStreamEvent]:
        """Start the response."""
        blank = self._response.model_copy(update={"output": []})
        yield ResponseCreatedEvent(type="response.created", response=blank, sequence_number=self._next())
        yield ResponseInProgressEvent(type="response.in_progress", response=blank, sequence_number=self._next())

    def open_text(self) -> Iterator[TResponseStreamEvent]:
        """Start an assistant message with one text part."""
        message = self._message = ResponseOutputMessage(
            id=_new_id("msg"), content=[], role="assistant", status="in_progress", type="message"
        )
        yield self._added(message.model_copy(deep=True))
        message.content.append(_text_part())
        yield ResponseContentPartAddedEvent(
            type="response.content_part.added",
            item_id=message.id,
            output_index=len(self.output),
            content_index=0,
            part=_text_part(),
            sequence_number=self._next(),
        )

    def text(self, delta: str) -> Iterator[TResponseStreamEvent]:
        """Add text to the message."""
        message, _ = self._open_part()
        self._deltas.append(delta)
        self._written += len(delta)
        yield ResponseTextDeltaEvent(
            type="response.output_text.delta",
            item_id=message.id,
            output_index=len(self.output),
            content_index=0,
            delta=delta,
            logprobs=[],
            sequence_number=self._next(),
        )

    def cite(self, url: str, title: str) -> Iterator[TResponseStreamEvent]:
        """Cite a web page as the source of the text so far."""
        message, part = self._settled_part()
        annotation = AnnotationURLCitation(
            type="url_citation", url=url, title=title, start_index=0, end_index=len(part.text)
        )
        part.annotations.append(annotation)
        yield ResponseOutputTextAnnotationAddedEvent(
            type="response.output_text.annotation.added",
            item_id=message.id,
            output_index=len(self.output),
            content_index=0,
            annotation_index=len(part.annotations) - 1,
            annotation=annotation.model_dump(),
            sequence_number=self._next(),
        )

    def close_text(self) -> Iterator[TResponseStreamEvent]:
        """End the message."""
        message, part = self._settled_part()
        self._message = None
        yield ResponseTextDoneEvent(
            type="response.output_text.done",
            item_id=message.id,
            output_index=len(self.output),
            content_index=0,
            text=part.text,
            logprobs=[],
            sequence_number=self._next(),
        )
        yield ResponseContentPartDoneEvent(
            type="response.content_part.done",
            item_id=message.id,
            output_index=len(self.output),
            content_index=0,
            part=part,
            sequence_number=self._next(),
        )
        message.status = "completed"
        yield self._done(message)

    def open_reasoning(self) -> Iterator[TResponseStreamEvent]:
        """Start a reasoning item."""
        self._reasoning = ResponseReasoningItem(id=_new_id("rs"), summary=[], type="reasoning")
        yield self._added(self._reasoning.model_copy(deep=True))

    def think(self, words: Sequence[str]) -> Iterator[TResponseStreamEvent]:
        """Add one part to the reasoning summary, with one delta for each word."""
        item = self._reasoning
        if item is None:
            raise RuntimeError("No reasoning is open.")
        at: dict[str, Any] = {
            "item_id": item.id,
            "output_index": len(self.output),
            "summary_index": len(item.summary),
        }
        text = "".join(words)
        item.summary.append(Summary(text=text, type="summary_text"))
        self._written += len(text)
        yield ResponseReasoningSummaryPartAddedEvent(
            type="response.reasoning_summary_part.added",
            part=PartAdded(text="", type="summary_text"),
            sequence_number=self._next(),
            **at,
        )
        for word in words:
            yield ResponseReasoningSummaryTextDeltaEvent(
                type="response.reasoning_summary_text.delta", delta=word, sequence_number=self._next(), **at
            )
        yield ResponseReasoningSummaryTextDoneEvent(
            type="response.reasoning_summary_text.done", text=text, sequence_number=self._next(), **at
        )
        yield ResponseReasoningSummaryPartDoneEvent(
            type="response.reasoning_summary_part.done",
            part=PartDone(text=text, type="summary_text"),
            sequence_number=self._next(),
            **at,
        )

    def close_reasoning(self) -> Iterator[TResponseStreamEvent]:
        """End the reasoning item."""
        item = self._reasoning
        if item is None:
            raise RuntimeError("No reasoning is open.")
        self._reasoning = None
        yield self._done(item)

    def call(self, name: str, arguments: Mapping[str, Any]) -> Iterator[TResponseStreamEvent]:
        """Add a whole function call."""
        text = json.dumps(arguments, ensure_ascii=False)
        call = ResponseFunctionToolCall(
            id=_new_id("fc"),
            call_id=_new_id("call"),
            name=name,
            arguments=text,
            status="completed",
            type="function_call",
        )
        self._written += len(text)
        at: dict[str, Any] = {"item_id": call.id, "output_index": len(self.output)}
        yield self._added(call.model_copy(update={"arguments": "", "status": "in_progress"}))
        yield ResponseFunctionCallArgumentsDeltaEvent(
            type="response.function_call_arguments.delta", delta=text, sequence_number=self._next(), **at
        )
        yield ResponseFunctionCallArgumentsDoneEvent(
            type="response.function_call_arguments.done",
            arguments=text,
            name=name,
            sequence_number=self._next(),
            **at,
        )
        yield self._done(call)

    def image(self, steps: Sequence[str]) -> Iterator[TResponseStreamEvent]:
        """Add a generated image.

        Args:
            steps: Images as base64; all but the last are shown as partial ones.
        """
        image = ImageGenerationCall(id=_new_id("ig"), type="image_generation_call", status="in_progress", result=None)
        at: dict[str, Any] = {"item_id": image.id, "output_index": len(self.output)}
        yield self._added(image.model_copy())
        yield ResponseImageGenCallInProgressEvent(
            type="response.image_generation_call.in_progress", sequence_number=self._next(), **at
        )
        yield ResponseImageGenCallGeneratingEvent(
            type="response.image_generation_call.generating", sequence_number=self._next(), **at
        )
        for number, partial in enumerate(steps[:-1]):
            yield ResponseImageGenCallPartialImageEvent(
                type="response.image_generation_call.partial_image",
                partial_image_b64=partial,
                partial_image_index=number,
                sequence_number=self._next(),
                **at,
            )
        yield ResponseImageGenCallCompletedEvent(
            type="response.image_generation_call.completed", sequence_number=self._next(), **at
        )
        image.result = steps[-1]
        image.status = "completed"
        yield self._done(image)

    def complete(self, usage: ResponseUsage) -> Iterator[TResponseStreamEvent]:
        """End the response."""
        self._response.status = "completed"
        self._response.usage = usage
        yield ResponseCompletedEvent(type="response.completed", response=self._response, sequence_number=self._next())

    def _open_part(self) -> tuple[ResponseOutputMessage, ResponseOutputText]:
        if self._message is None:
            raise RuntimeError("No message is open.")
        part = self._message.content[0]
        if not isinstance(part, ResponseOutputText):
            raise RuntimeError("The open part is not text.")
        return self._message, part

    def _settled_part(self) -> tuple[ResponseOutputMessage, ResponseOutputText]:
        message, part = self._open_part()
        part.text += "".join(self._deltas)
        self._deltas.clear()
        return message, part

    def _added(self, item: TResponseOutputItem) -> TResponseStreamEvent:
        return ResponseOutputItemAddedEvent(
            type="response.output_item.added",
            item=item,
            output_index=len(self.output),
            sequence_number=self._next(),
        )

    def _done(self, item: TResponseOutputItem) -> TResponseStreamEvent:
        event = ResponseOutputItemDoneEvent(
            type="response.output_item.done",
            item=item,
            output_index=len(self.output),
            sequence_number=self._next(),
        )
        self.output.append(item)
        return event


def _text_part() -> ResponseOutputText:
    return ResponseOutputText(annotations=[], logprobs=[], text="", type="output_text")
