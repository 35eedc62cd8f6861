"""Correct ChatKit's conversion of a model's stream to thread items: citations, refusals and pictures."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

from agents import ModelRefusalError, RunErrorHandlerInput, RunErrorHandlerResult, StreamEvent
from chatkit.agents import ResponseStreamConverter
from chatkit.types import Annotation
from openai.types.responses import (
    ResponseImageGenCallPartialImageEvent,
    ResponseOutputTextAnnotationAddedEvent,
    ResponseRefusalDeltaEvent,
    ResponseRefusalDoneEvent,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
)
from openai.types.responses.response_output_text import AnnotationContainerFileCitation
from pydantic import BaseModel

from assistant.context import RequestContext
from assistant.errors import StoreUnavailableError
from assistant.files import drop_picture, is_picture, keep_picture

logger = logging.getLogger(__name__)

# How many previews of a picture to request from a model: https://platform.openai.com/docs/guides/image-generation
PARTIAL_IMAGES = 2


async def for_chatkit(events: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
    """Convert the events that ChatKit cannot read (chatkit.agents, 1.6.5).

    ChatKit refuses the class that openai 3.54 uses for a streamed citation, and ignores a streamed refusal. A refusal
    is an answer, so its text streams like the text of an answer.
    """
    async for event in events:
        if event.type == "raw_response_event" and not isinstance(event.data, ResponseTextDeltaEvent):
            match event.data:
                case ResponseOutputTextAnnotationAddedEvent(annotation=BaseModel() as annotation):
                    event.data = event.data.model_copy(update={"annotation": annotation.model_dump()})
                case ResponseImageGenCallPartialImageEvent(partial_image_b64=preview) if not is_picture(preview):
                    # A preview that cannot be shown ends no turn.
                    continue
                case ResponseRefusalDeltaEvent() as delta:
                    fields = delta.model_dump(exclude={"type"})
                    event.data = ResponseTextDeltaEvent(type="response.output_text.delta", logprobs=[], **fields)
                case ResponseRefusalDoneEvent() as done:
                    fields = done.model_dump(exclude={"type", "refusal"})
                    event.data = ResponseTextDoneEvent(
                        type="response.output_text.done", logprobs=[], text=done.refusal, **fields
                    )
                case _:
                    pass
        yield event


def refusal_as_answer(failure: RunErrorHandlerInput[Any]) -> RunErrorHandlerResult:
    """Use the model's refusal as the run's answer. Without this, the SDK raises an error."""
    refusal = failure.error.refusal if isinstance(failure.error, ModelRefusalError) else ""
    return RunErrorHandlerResult(final_output=refusal, include_in_history=False)


class OutputConverter(ResponseStreamConverter):
    """ChatKit's converter. It stores pictures in the bucket instead of as `data:` URLs in the thread."""

    def __init__(self, thread_id: str, context: RequestContext) -> None:
        super().__init__(partial_images=PARTIAL_IMAGES)
        self._thread_id = thread_id
        self._context = context
        self._latest: dict[str, str] = {}
        self._replaced: list[str] = []
        self.container_files: dict[str, AnnotationContainerFileCitation] = {}

    async def container_file_citation_to_annotation(
        self, container_file_citation: AnnotationContainerFileCitation
    ) -> Annotation | None:
        """Note the file, to fetch it when the message is complete. Until then the citation is its name."""
        self.container_files[container_file_citation.file_id] = container_file_citation
        return await super().container_file_citation_to_annotation(container_file_citation)

    async def base64_image_to_url(
        self, image_id: str, base64_image: str, partial_image_index: int | None = None
    ) -> str:
        """Store a picture or a preview of it, and return the reference for the item."""
        url = await keep_picture(base64_image, self._thread_id, self._context)
        if image_id in self._latest:
            self._replaced.append(self._latest[image_id])
        self._latest[image_id] = url
        return url

    async def close(self) -> None:
        """Delete the previews. Previews that remain are deleted with the thread."""
        try:
            await drop_picture(self._replaced, self._thread_id, self._context)
        except StoreUnavailableError:
            logger.warning("previews of a picture in thread %s remain until the thread is deleted", self._thread_id)
