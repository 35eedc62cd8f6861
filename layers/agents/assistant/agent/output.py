"""Convert a model's stream to thread items, where ChatKit's own conversion is not enough."""

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

# How many previews of a picture to request from a model: https://platform.openai.com/docs/guides/image-generation
PARTIAL_IMAGES = 2


async def plain_annotations(events: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
    """Convert streamed citations to plain data.

    ChatKit expects the class of a whole message's citation (chatkit.agents, 1.6.5) and refuses the class that openai
    3.54 uses in a stream.
    """
    async for event in events:
        if event.type == "raw_response_event" and event.data.type == "response.output_text.annotation.added":
            annotation = event.data.annotation
            if isinstance(annotation, BaseModel):
                event.data = event.data.model_copy(update={"annotation": annotation.model_dump()})
        yield event


class OutputConverter(ResponseStreamConverter):
    """ChatKit's converter. It stores pictures in the bucket instead of as `data:` URLs in the thread."""

    def __init__(self, thread_id: str, context: RequestContext) -> None:
        super().__init__(partial_images=PARTIAL_IMAGES)
        self._thread_id = thread_id
        self._context = context
        self._latest: dict[str, str] = {}
        self._replaced: list[str] = []

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
