"""Show the files and pictures of the code interpreter: they are fetched from OpenAI and kept in the bucket.

OpenAI deletes a container 20 minutes after its last use, so a file is fetched as soon as the message that cites it is
complete.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import AsyncGenerator
from pathlib import PurePosixPath
from typing import Literal

import openai
from chatkit.types import (
    Annotation,
    AssistantMessageItem,
    FileSource,
    GeneratedImage,
    GeneratedImageItem,
    NoticeEvent,
    ThreadItemDoneEvent,
    ThreadStreamEvent,
)
from openai.types.responses import ResponseCodeInterpreterToolCall, ResponseOutputItem
from openai.types.responses.response_code_interpreter_tool_call import OutputImage
from openai.types.responses.response_output_item import ImageGenerationCall
from openai.types.responses.response_output_text import AnnotationContainerFileCitation

from assistant import clock
from assistant.agent.output import OutputConverter
from assistant.context import RequestContext
from assistant.errors import AssistantError, ModelError, NotFoundError
from assistant.failures import log_failure
from assistant.files import is_picture, keep_file, keep_picture_bytes
from assistant.ids import ID_PREFIXES, new_id
from assistant.models import MAX_CONTAINER_FILE_BYTES, container_file

logger = logging.getLogger(__name__)

# Code can write any number of files, and the user waits for each one.
MAX_FILES_PER_ANSWER = 10
# A notice is a sentence. A longer address is shortened to its host.
MAX_SHOWN_URL_CHARACTERS = 500
UNFETCHED = "A picture could not be fetched. Please ask for it again."
_Kept = Annotation | GeneratedImageItem | Literal["shown"] | None
_PICTURES = {".png", ".jpg", ".jpeg", ".webp"}


class CodeFiles:
    """Fetches the files that the messages of one run cite.

    Args:
        converter: The converter of the run's stream, which notes the cited files.
        thread_id: The run's thread.
        context: The turn's request.
    """

    def __init__(self, converter: OutputConverter, thread_id: str, context: RequestContext) -> None:
        self._cited = converter.container_files
        self._thread_id = thread_id
        self._context = context
        self._left = MAX_FILES_PER_ANSWER
        self._shown: set[bytes] = set()

    async def pictures_of(self, item: ResponseOutputItem) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Yield the pictures that a completed item of the stream brings, if code has made it.

        OpenAI sends them as `data:` URLs, if `response_include` has `code_interpreter_call.outputs`. Another server may
        send an `https:` URL. This process does not fetch it, because it may lead anywhere.
        """
        if isinstance(item, ImageGenerationCall) and item.result is not None:
            if item.result.startswith("https://"):
                yield unfetched(item.result)
                item.result = None
                return
            if item.result.startswith("data:"):
                item.result = item.result.partition(",")[2]
            if not is_picture(item.result):
                item.result = None
                yield NoticeEvent(level="warning", message=UNFETCHED)
        if not isinstance(item, ResponseCodeInterpreterToolCall):
            return
        # The client does not check what it constructs.
        for output in item.outputs if isinstance(item.outputs, list) else ():
            if not isinstance(output, OutputImage) or not isinstance(url := getattr(output, "url", None), str):
                continue
            if url.startswith("https://"):
                yield unfetched(url)
                continue
            self._left -= 1
            try:
                picture = None if self._left < 0 else await self._picture(_decoded(url))
            except NotFoundError:
                raise
            except (AssistantError, ValueError) as error:
                log_failure(logger, "a picture of the code interpreter could not be kept", error)
                picture = None
            if picture is not None:
                yield ThreadItemDoneEvent(item=picture)
            else:
                yield NoticeEvent(level="warning", message=UNFETCHED)

    async def take(self, event: ThreadStreamEvent) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Yield the event. Before a complete message, yield its pictures, and add the links of its files."""
        if (
            not self._cited
            or not isinstance(event, ThreadItemDoneEvent)
            or not isinstance(event.item, AssistantMessageItem)
        ):
            yield event
            return
        cited = list(self._cited.values())
        self._cited.clear()
        links: dict[str, Annotation] = {}
        for citation in cited:
            match await self._kept(citation):
                case Annotation() as link:
                    links[citation.filename] = link
                case GeneratedImageItem() as picture:
                    yield ThreadItemDoneEvent(item=picture)
                case "shown":
                    pass
                case None:
                    text = f"The file '{citation.filename}' could not be fetched. Please ask for it again."
                    yield NoticeEvent(level="warning", message=text)
        content = [
            part.model_copy(update={"annotations": [_linked(each, links) for each in part.annotations]})
            for part in event.item.content
        ]
        yield ThreadItemDoneEvent(item=event.item.model_copy(update={"content": content}))

    async def _kept(self, citation: AnnotationContainerFileCitation) -> _Kept:
        """Return a file as a citation or a picture, or None if it cannot be fetched."""
        self._left -= 1
        if self._left < 0:
            return None
        try:
            body = await container_file(self._context.settings, citation.container_id, citation.file_id)
            if _digest(body) in self._shown:
                return "shown"
            if PurePosixPath(citation.filename).suffix.lower() in _PICTURES:
                try:
                    return await self._picture(body)
                except ModelError:
                    # The content is no picture, so keep it as a file.
                    pass
            return await keep_file(citation.filename, body, citation.end_index, self._thread_id, self._context)
        except NotFoundError:
            raise
        except (AssistantError, TimeoutError, openai.OpenAIError) as error:
            log_failure(logger, "a file of the code interpreter could not be kept", error)
            return None

    async def _picture(self, body: bytes) -> GeneratedImageItem:
        self._shown.add(_digest(body))
        url = await keep_picture_bytes(body, self._thread_id, self._context)
        item_id = new_id(ID_PREFIXES["message"])
        image = GeneratedImage(id=item_id, url=url)
        return GeneratedImageItem(id=item_id, thread_id=self._thread_id, created_at=clock.now(), image=image)


def unfetched(url: str) -> NoticeEvent:
    """Return the notice about a picture at another address, with the address if a user can open it."""
    shown = url if len(url) <= MAX_SHOWN_URL_CHARACTERS and url.isprintable() and " " not in url else url.split("/")[2]
    return NoticeEvent(
        level="warning", message=f"A picture is at another address, and this assistant does not open it: {shown}"
    )


def _decoded(url: str) -> bytes:
    """Return the bytes of a `data:` URL.

    Raises:
        ValueError: the URL is another one, or it is too large.
    """
    head, _, encoded = url.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        raise ValueError("The URL holds no data.")
    if len(encoded) * 3 // 4 > MAX_CONTAINER_FILE_BYTES:
        raise ValueError("The picture is too large.")
    return base64.b64decode(encoded, validate=True)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _linked(annotation: Annotation, links: dict[str, Annotation]) -> Annotation:
    """Return the link of a cited file in place of its name."""
    source = annotation.source
    return links.get(source.filename, annotation) if isinstance(source, FileSource) else annotation
