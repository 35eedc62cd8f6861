"""What a model's stream becomes in a thread, where ChatKit's own conversion is not enough."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from agents import StreamEvent
from chatkit.agents import ResponseStreamConverter
from pydantic import BaseModel

from assistant.context import RequestContext
from assistant.errors import StoreUnavailableError
from assistant.files import drop_picture, keep_picture

logger = logging.getLogger(__name__)

# How many steps of a picture a model is asked to show: https://platform.openai.com/docs/guides/image-generation
PARTIAL_IMAGES = 2


async def plain_annotations(events: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
    """Give a citation that is streamed as plain data.

    openai 3.54 has a class of its own for it, which ChatKit refuses (chatkit.agents, 1.6.5): it expects the one that
    whole messages have.
    """
    async for event in events:
        if event.type == "raw_response_event" and event.data.type == "response.output_text.annotation.added":
            annotation = event.data.annotation
            if isinstance(annotation, BaseModel):
                event.data = event.data.model_copy(update={"annotation": annotation.model_dump()})
        yield event


class OutputConverter(ResponseStreamConverter):
    """ChatKit's converter, whose pictures go to the bucket and not, as `data:` URLs, into the thread."""

    def __init__(self, thread_id: str, context: RequestContext) -> None:
        super().__init__(partial_images=PARTIAL_IMAGES)
        self._thread_id = thread_id
        self._context = context
        self._latest: dict[str, str] = {}
        self._replaced: list[str] = []

    async def base64_image_to_url(
        self, image_id: str, base64_image: str, partial_image_index: int | None = None
    ) -> str:
        """Keep a picture, or a step on the way to it, and return what stands for its URL in the item."""
        url = await keep_picture(base64_image, self._thread_id, self._context)
        if image_id in self._latest:
            self._replaced.append(self._latest[image_id])
        self._latest[image_id] = url
        return url

    async def close(self) -> None:
        """Remove the steps that no item shows any more. What stays behind goes with the thread."""
        try:
            await drop_picture(self._replaced, self._thread_id, self._context)
        except StoreUnavailableError:
            logger.warning("steps of a picture in thread %s stay until it is deleted", self._thread_id)
