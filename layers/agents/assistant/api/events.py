"""Send a turn as server-sent events in ChatKit's framing, with a heartbeat."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

from chatkit.types import (
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ErrorEvent,
    GeneratedImageItem,
    GeneratedImageUpdated,
    NoticeEvent,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
    UserMessageItem,
)
from fastapi.responses import Response
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from assistant.context import RequestContext
from assistant.errors import AssistantError
from assistant.failures import log_failure
from assistant.settings import Settings
from assistant.texts import in_language

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from assistant.turns import TurnHandle

logger = logging.getLogger(__name__)

# Many proxies close a connection that is idle for 30 s. The stream is checked at this interval, so it is idle for at
# most twice as long.
HEARTBEAT_SECONDS = 7.0
# A line that starts with a colon is a comment in server-sent events. Clients skip it.
HEARTBEAT = b": heartbeat\n\n"
FLUSH = b": flush\n\n"

STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    # nginx and similar proxies must not buffer the stream.
    "x-accel-buffering": "no",
}


def encode_event(event: ThreadStreamEvent) -> bytes:
    """Return an event in ChatKit's framing, without our metadata."""
    match event:
        case ThreadItemUpdatedEvent(item_id=item_id, update=AssistantMessageContentPartTextDelta() as update):
            return _encode_delta(item_id, update)
    body = event.model_dump_json(by_alias=True, exclude_none=True, context={"exclude_metadata": True})
    return f"data: {body}\n\n".encode()


def _encode_delta(item_id: str, update: AssistantMessageContentPartTextDelta) -> bytes:
    """Return the same bytes as the SDK's model. Of all events, an answer has many deltas."""
    return (
        b'data: {"type":"thread.item.updated","item_id":%b,"update":{"type":"%b","content_index":%d,"delta":%b}}\n\n'
        % (
            to_json(item_id),
            update.type.encode(),
            update.content_index,
            to_json(update.delta),
        )
    )


def encode_object(content: Mapping[str, object]) -> bytes:
    """Return an object of the plain call in ChatKit's framing."""
    return f"data: {json.dumps(content, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def localized(event: ThreadStreamEvent, language: str) -> ThreadStreamEvent:
    """Return the event with its text in the request's language, if the event is an error or a notice."""
    match event:
        case ErrorEvent(message=str(text)) | NoticeEvent(message=text):
            return event.model_copy(update={"message": in_language(text, language)})
        case _:
            return event


def encode_failure(error: Exception, language: str) -> bytes:
    """Return the `error` event for a failure in a stream. Log the failure if it is unexpected."""
    from assistant.turns import error_event

    if not isinstance(error, AssistantError):
        log_failure(logger, "A request failed in its stream", error)
    return encode_event(localized(error_event(error), language))


async def encoded_events(turn: TurnHandle, context: RequestContext) -> AsyncGenerator[bytes, None]:
    """Yield a turn's events in ChatKit's framing, with freshly signed URLs. A failure becomes an `error` event."""
    try:
        async for event in turn.events():
            if isinstance(event, ThreadItemUpdatedEvent) and not isinstance(event.update, GeneratedImageUpdated):
                yield encode_event(event)
                continue
            shown = await _with_fresh_urls(event, turn.thread_id, context)
            yield encode_event(localized(shown, context.language))
    except Exception as error:
        yield encode_failure(error, context.language)


async def _with_fresh_urls(event: ThreadStreamEvent, thread_id: str, context: RequestContext) -> ThreadStreamEvent:
    """Return the event with freshly signed URLs for its attachments and images."""
    match event:
        case ThreadItemDoneEvent(item=UserMessageItem(attachments=[_, *_]) as item):
            from assistant.files import fresh_item

            return ThreadItemDoneEvent(item=await fresh_item(context.resources, context.caller, item))
        case (
            ThreadItemAddedEvent(item=GeneratedImageItem())
            | ThreadItemDoneEvent(item=GeneratedImageItem())
            | ThreadItemReplacedEvent(item=GeneratedImageItem())
            | ThreadItemUpdatedEvent(update=GeneratedImageUpdated())
        ):
            from assistant.files import shown_event

            return await shown_event(event, thread_id, context)
        case (
            ThreadItemAddedEvent(item=AssistantMessageItem() as message)
            | ThreadItemDoneEvent(item=AssistantMessageItem() as message)
            | ThreadItemReplacedEvent(item=AssistantMessageItem() as message)
        ):
            from assistant.files import cites_files, shown_message

            if not cites_files(message):
                return event
            return event.model_copy(update={"item": await shown_message(message, context)})
        case _:
            return event


class EventStream(Response):
    """The streamed answer to a turn.

    It returns only when the turn is stored, even if the client has disconnected: Lambda freezes the process as soon as
    the app returns. A client that disconnects does not cancel its turn.
    """

    def __init__(self, turn: TurnHandle, frames: AsyncGenerator[bytes, None], settings: Settings) -> None:
        """Prepare the answer.

        Args:
            turn: The running turn.
            frames: The encoded events to send.
            settings: `stream_heartbeat` and `stream_flush_comments` apply.
        """
        super().__init__(headers={**STREAM_HEADERS, "x-turn-id": turn.turn_id})
        del self.headers["content-length"]
        self._turn = turn
        self._frames = frames
        self._heartbeat = settings.stream_heartbeat
        self._after_frame = FLUSH if settings.stream_flush_comments else b""
        self._quiet = True
        self._sending = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, and wait for the turn."""
        beat = asyncio.create_task(self._beat(send)) if self._heartbeat else None
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async with aclosing(self._frames) as frames:
                async for frame in frames:
                    self._quiet = False
                    await self._send(send, frame + self._after_frame)
            await self._stop(beat)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            # The client has disconnected (ASGI 2.4). The turn continues below.
            pass
        finally:
            await self._stop(beat)
            await asyncio.shield(self._turn.wait())

    async def _send(self, send: Send, body: bytes) -> None:
        async with self._sending:
            await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _beat(self, send: Send) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            if self._quiet:
                try:
                    await self._send(send, HEARTBEAT)
                except OSError:
                    return
            self._quiet = True

    @staticmethod
    async def _stop(beat: asyncio.Task[None] | None) -> None:
        if beat is not None:
            beat.cancel()
            await asyncio.wait([beat])
