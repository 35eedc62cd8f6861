"""`/chatkit/api/people`: staff answer in conversations that ask for a person. `/chatkit/api/person`: a user asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from assistant.api.body import read_object
from assistant.api.errors import json_bytes, json_response
from assistant.api.services import CurrentContext
from assistant.context import RequestContext
from assistant.errors import ForbiddenError, InvalidRequestError, NotFoundError

router = APIRouter()

PATH = "/chatkit/api/people"
OWN_PATH = "/chatkit/api/person"


async def _on(context: CurrentContext) -> RequestContext:
    if not context.settings.support_roles:
        raise NotFoundError
    return context


def is_staff(context: RequestContext) -> bool:
    """Tell whether the caller may answer in conversations that ask for a person."""
    return not context.caller.visitor and context.caller.role in context.settings.support_roles


async def _staff(context: Annotated[RequestContext, Depends(_on)]) -> RequestContext:
    if not is_staff(context):
        raise ForbiddenError
    return context


On = Annotated[RequestContext, Depends(_on)]
Staff = Annotated[RequestContext, Depends(_staff)]


@router.post(OWN_PATH)
async def ask(request: Request, context: On) -> Response:
    """Let a conversation of the caller ask for a person."""
    body = await read_object(request)
    thread_id, reason = body.get("thread_id"), body.get("reason")
    if not isinstance(thread_id, str) or not isinstance(reason, str):
        raise InvalidRequestError("The body needs a 'thread_id' and a 'reason'.")
    from assistant import takeover

    await takeover.ask(thread_id, reason, context)
    return json_response({"asked": True})


@router.delete(f"{OWN_PATH}/{{thread_id}}")
async def return_to_assistant(context: On, thread_id: str) -> Response:
    """Let the assistant answer in a conversation of the caller again."""
    from assistant import takeover

    await takeover.hand_back(takeover.own_waiting(thread_id, context), context)
    return json_response({"handed_back": True})


@router.get(PATH)
async def waiting(context: Staff, after: str | None = None) -> Response:
    """Return a page of the conversations that ask for a person or have one. `next` is the `after` of the next page."""
    from assistant import takeover

    found, following = await takeover.list_waiting(context, after)
    return json_response({"data": [each.shown() for each in found], "next": following})


@router.get(f"{PATH}/{{waiting_id}}")
async def read(context: Staff, waiting_id: str, after: str | None = None) -> Response:
    """Return a page of such a conversation's items, the newest first."""
    from assistant import audit, operations, takeover

    found = await takeover.find_waiting(waiting_id, context)
    by, about = context.caller, found.owner.user_id
    note = audit.entry(
        context.resources, "thread.read", by=by, tenant_id=by.tenant_id, about=about, thread_id=found.thread_id
    )
    await audit.record(context.resources, note)
    owner = RequestContext(found.owner, context.resources, max_answer_bytes=context.max_answer_bytes)
    return json_bytes(await operations.read_items(found.thread_id, after, owner))


@router.get(f"{PATH}/{{waiting_id}}/attachments/{{attachment_id}}")
async def attachment(context: Staff, waiting_id: str, attachment_id: str) -> Response:
    """Return `{"url": …}`, a short-lived URL of a file that the user has sent in such a conversation."""
    from assistant import takeover

    return json_response({"url": await takeover.file_url(waiting_id, attachment_id, context)})


@router.post(f"{PATH}/{{waiting_id}}/take")
async def take(context: Staff, waiting_id: str) -> Response:
    """Take a conversation over. Its user reads the name in the caller's token: a request cannot choose one."""
    from assistant import takeover

    await takeover.take_over(await takeover.find_waiting(waiting_id, context), context)
    return json_response({"taken": True})


@router.post(f"{PATH}/{{waiting_id}}/say")
async def say(request: Request, context: Staff, waiting_id: str) -> Response:
    """Say something in a conversation that the caller has taken over."""
    body = await read_object(request)
    text = body.get("text")
    if not isinstance(text, str):
        raise InvalidRequestError("The body needs a 'text'.")
    from assistant import takeover
    from assistant.threads import repeat_key

    given = request.headers.get("idempotency-key")
    repeat = repeat_key("say", given, {**body, "waiting": waiting_id}, context.caller)
    if repeat is None or await repeat.made(context.resources.table) is None:
        await takeover.say(await takeover.find_waiting(waiting_id, context), text, context, repeat)
    return json_response({"said": True})


@router.delete(f"{PATH}/{{waiting_id}}")
async def hand_back(context: Staff, waiting_id: str) -> Response:
    """Hand a conversation back to the assistant."""
    from assistant import takeover

    await takeover.hand_back(await takeover.find_waiting(waiting_id, context), context)
    return json_response({"handed_back": True})
