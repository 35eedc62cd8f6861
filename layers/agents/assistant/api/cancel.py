"""`POST /chatkit/api/cancel`: stop a running turn of the caller, named by its thread, its key or its frame."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from assistant.api.body import read_object
from assistant.api.errors import json_response
from assistant.api.services import CurrentContext
from assistant.errors import InvalidRequestError

router = APIRouter()


@router.post("/chatkit/api/cancel")
async def cancel(request: Request, context: CurrentContext) -> Response:
    """Stop the turn. The answer `{"cancelled": …}` says whether a turn was running."""
    body = await read_object(request)
    named = {name: body[name] for name in ("thread_id", "idempotency_key", "frame_id") if body.get(name) is not None}
    if not named or not all(isinstance(value, str) and value for value in named.values()):
        raise InvalidRequestError("The body needs a 'thread_id', an 'idempotency_key' or a 'frame_id'.")
    from assistant import turns

    return json_response({"cancelled": await turns.cancel(context, **named)})
