"""Server-sent events: ChatKit's framing, a heartbeat, and a turn that outlives its client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

from chatkit.types import (
    GeneratedImageItem,
    GeneratedImageUpdated,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
    UserMessageItem,
)
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from assistant.api.errors import log_unexpected
from assistant.context import RequestContext
from assistant.errors import AssistantError
from assistant.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from assistant.turns import TurnHandle

# Proxies commonly close a connection on which nothing came for half a minute. One that was quiet for this long
# hears from us, so at most twice this passes without a byte: under 15 s.
HEARTBEAT_SECONDS = 7.0
# Lines that begin with a colon are comments in server-sent events, and every client skips them.
HEARTBEAT = b": heartbeat\n\n"
FLUSH = b": flush\n\n"

STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    # Tells proxies of nginx's kind not to collect the stream.
    "x-accel-buffering": "no",
}


def encode_event(event: ThreadStreamEvent) -> bytes:
    """Return an event as ChatKit's server frames it: by alias, without None, without our metadata."""
    body = event.model_dump_json(by_alias=True, exclude_none=True, context={"exclude_metadata": True})
    return f"data: {body}\n\n".encode()


def encode_object(content: Mapping[str, object]) -> bytes:
    """Return an object of the plain call in the same framing."""
    return f"data: {json.dumps(content, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def encode_failure(error: Exception) -> bytes:
    """Return the `error` event that a failure is once a stream has begun; one that nobody expected is logged."""
    from assistant.turns import error_event

    if not isinstance(error, AssistantError):
        log_unexpected(error)
    return encode_event(error_event(error))


async def encoded_events(turn: TurnHandle, context: RequestContext) -> AsyncGenerator[bytes, None]:
    """Yield a turn's events in their frames, with URLs that work. What fails in between is an `error` event."""
    try:
        async for event in turn.events():
            yield encode_event(await _with_fresh_urls(event, turn.thread_id, context))
    except Exception as error:
        yield encode_failure(error)


async def _with_fresh_urls(event: ThreadStreamEvent, thread_id: str, context: RequestContext) -> ThreadStreamEvent:
    """Return an event whose attachments and pictures have URLs that work now."""
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
        case _:
            return event


class EventStream(Response):
    """The streamed answer to a turn.

    It ends when the turn has ended and is stored, and not before, even if the client has left: Lambda freezes
    the process as soon as the app returns. A client that leaves does not end its turn.
    """

    def __init__(self, turn: TurnHandle, frames: AsyncGenerator[bytes, None], settings: Settings) -> None:
        """Prepare the answer.

        Args:
            turn: The turn that has begun.
            frames: What is sent for it.
            settings: Say whether there is a heartbeat, and a comment after each event.
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
            # The client has left (ASGI 2.4); the turn goes on below.
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
