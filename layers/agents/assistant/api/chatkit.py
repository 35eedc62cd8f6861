"""`POST /chatkit/api`: all ChatKit operations, and the two short forms of a message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chatkit.types import ErrorEvent, NoticeEvent, StreamingReq, is_streaming_req
from fastapi import APIRouter, Request
from fastapi.responses import Response

from assistant.api.body import read_object
from assistant.api.errors import error_response, json_bytes, json_response
from assistant.api.events import EventStream, encoded_events
from assistant.api.plain import SEPARATOR, Answer, plain_frames
from assistant.api.requests import parse_request
from assistant.api.services import CurrentContext, services_of
from assistant.context import RequestContext
from assistant.errors import AssistantError, LengthLimitError, TurnFailedError
from assistant.texts import in_language, language_of

if TYPE_CHECKING:
    from assistant.turns import TurnHandle

router = APIRouter()


@router.post("/chatkit/api")
async def chatkit(request: Request, context: CurrentContext) -> Response:
    """Answer a ChatKit request or a message in one of the short forms."""
    parsed = parse_request(await read_object(request))
    if not is_streaming_req(parsed.request):
        # Imported here so that health checks start without the store.
        from assistant.operations import perform

        content = await perform(parsed.request, context)
        told = {
            "x-turn-id": context.running_turn,
            "x-person": context.person,
            "x-working": "yes" if context.working else None,
        }
        return json_bytes(content, headers={name: value for name, value in told.items() if value})
    turn = await _start(parsed.request, context, request)
    if not parsed.plain:
        return EventStream(turn, encoded_events(turn, context), context.settings)
    if services_of(request).streaming:
        return EventStream(turn, plain_frames(turn, context.language), context.settings)
    return await _whole_answer(turn, request)


async def _start(operation: StreamingReq, context: RequestContext, request: Request) -> TurnHandle:
    from assistant import turns

    return await turns.start(
        operation,
        context,
        idempotency_key=request.headers.get("idempotency-key"),
        frame_id=request.headers.get("chatkit-frame-instance-id"),
    )


async def _whole_answer(turn: TurnHandle, request: Request) -> Response:
    """Wait for the turn and return the plain call's JSON object, or its error. Both have the text that was written.

    Notices to the user are beside it, for example that a person answers. Without a text, they are the content too.
    """
    answer = Answer()
    language = language_of(request.headers.get("accept-language"))
    notices: list[str] = []
    failure: ErrorEvent | None = None
    try:
        async for event in turn.events():
            answer.take(event)
            if isinstance(event, ErrorEvent):
                failure = event
            if isinstance(event, NoticeEvent):
                notices.append(in_language(event.message, language))
    finally:
        await asyncio.shield(turn.wait())
    error = turn.error if isinstance(turn.error, AssistantError) else None
    if error is None and failure is not None:
        error = TurnFailedError(failure.message)
    headers = {"x-turn-id": turn.turn_id}
    cut = isinstance(error, LengthLimitError) and bool(answer.text)
    if error is not None and not cut:
        # With the thread's id the caller can continue.
        return error_response(error, request.scope, thread_id=turn.thread_id, content=answer.text, headers=headers)
    said = answer.text or SEPARATOR.join(notices)
    content: dict[str, object] = {"type": "message", "content": said, "done": True, "thread_id": turn.thread_id}
    if notices:
        content["notices"] = notices
    if error is not None:
        content["incomplete"] = in_language(error.message, language)
    return json_response(content, headers=headers)
