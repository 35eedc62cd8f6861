"""`/chatkit/api/fork`: copy a conversation up to an item into a new conversation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from assistant.api.body import read_object
from assistant.api.errors import json_response
from assistant.api.services import CurrentContext
from assistant.errors import InvalidRequestError

if TYPE_CHECKING:
    from assistant.forks import Fork

router = APIRouter()

# API Gateway gives up after 30 s. The client sends `fork_id` to continue a longer copy.
INLINE_SECONDS = 10.0


@router.post("/chatkit/api/fork")
async def fork(request: Request, context: CurrentContext) -> Response:
    """Copy a thread up to `item_id`, or with `before` up to the item before it. `fork_id` continues a copy."""
    body = await read_object(request)
    fork_id, thread_id, item_id, before = (body.get(name) for name in ("fork_id", "thread_id", "item_id", "before"))
    from assistant import forks
    from assistant.threads import repeat_key

    deadline = time.monotonic() + INLINE_SECONDS

    def time_is_up() -> bool:
        return time.monotonic() > deadline

    match fork_id, thread_id, item_id, before:
        case str(), None, None, None:
            made = await forks.resume_fork(fork_id, context, time_is_up=time_is_up)
        case None, str(), str(), None | bool():
            repeat = repeat_key("fork", request.headers.get("idempotency-key"), body, context.caller)
            made = await forks.fork_thread(
                thread_id, item_id, context, before=bool(before), repeat=repeat, time_is_up=time_is_up
            )
        case _:
            raise InvalidRequestError("The body needs a 'thread_id' and an 'item_id', or a 'fork_id'.")
    return _answer(made, 200 if made.ready else 202)


@router.get("/chatkit/api/fork/{thread_id}")
async def origin(context: CurrentContext, thread_id: str) -> Response:
    """Return what a thread was forked from: null for none."""
    from assistant import forks

    return _answer(await forks.find_fork(thread_id, context), 200)


def _answer(fork: Fork, status: int) -> Response:
    return json_response({"thread_id": fork.thread_id, "ready": fork.ready, "forked_from": fork.origin}, status)
