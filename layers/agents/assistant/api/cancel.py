"""`POST /chatkit/api/cancel`: stop the caller's running turn in a thread."""

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
    thread_id = (await read_object(request)).get("thread_id")
    if not isinstance(thread_id, str):
        raise InvalidRequestError("The body needs a 'thread_id'.")
    from assistant import turns

    return json_response({"cancelled": await turns.cancel(context, thread_id)})
