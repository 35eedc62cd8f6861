"""`/chatkit/api/shares`: a user shares a snapshot of a conversation. `/chatkit/api/shared`: a reader opens it."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from assistant.api.body import read_object
from assistant.api.errors import error_response, json_response
from assistant.api.services import CurrentContext, services_of
from assistant.context import RequestContext
from assistant.errors import AssistantError, InvalidRequestError, NotFoundError, UnauthorizedError
from assistant.texts import in_language, language_of

router = APIRouter()

PATH = "/chatkit/api/shares"
FIELDS = ("thread_id", "item_id", "days", "public", "files")
# A token has 43 characters.
MAX_TOKEN_CHARACTERS = 100
HTML = "text/html; charset=utf-8"


async def _on(context: CurrentContext) -> RequestContext:
    if context.settings.shares == "off":
        raise NotFoundError
    return context


On = Annotated[RequestContext, Depends(_on)]


@router.post(PATH)
async def share(request: Request, context: On) -> Response:
    """Share a thread. The answer has the link's `token` and `path`, which nobody can read later."""
    body = await read_object(request)
    thread_id, item_id, days, public, files = (body.get(name) for name in FIELDS)
    from assistant import shares
    from assistant.threads import repeat_key

    if isinstance(days, bool):
        raise InvalidRequestError("'days' is a number.")
    match thread_id, item_id, days, public, files:
        case str(), None | str(), None | int(), None | bool(), None | bool():
            repeat = repeat_key("share", request.headers.get("idempotency-key"), body, context.caller)
            made = await shares.share_thread(
                thread_id, context, item_id=item_id, days=days, public=bool(public), files=bool(files), repeat=repeat
            )
        case _:
            raise InvalidRequestError("The body needs a 'thread_id', and may have item_id, days, public and files.")
    return json_response({**made.row, "token": made.token, "path": f"/chatkit/api/shared/{made.token}"})


@router.get(PATH)
async def mine(context: On, after: str | None = None) -> Response:
    """Return a page of the caller's shares, the newest first. `next` is the `after` of the next page."""
    from assistant import shares

    data, following = await shares.list_shares(context, after)
    return json_response({"data": data, "next": following})


@router.delete(f"{PATH}/{{share_id}}")
async def revoke(context: On, share_id: str) -> Response:
    """Revoke a share of the caller."""
    from assistant import shares

    await shares.revoke_share(share_id, context)
    return json_response({"revoked": True})


@router.get("/chatkit/api/shared/{token}")
async def shared(request: Request, token: Annotated[str, Path(max_length=MAX_TOKEN_CHARACTERS)]) -> Response:
    """Return the snapshot behind a link, or why there is none: as JSON or, for a browser, as a page."""
    if not _wants_page(request.headers.get("accept", "")):
        return json_response(await _opened(request, token))
    from assistant import shares

    try:
        page, headers = shares.share_page(await _opened(request, token))
    except AssistantError as error:
        answer = error_response(error, request.scope)
        page, headers = shares.message_page(
            in_language(error.message, language_of(request.headers.get("accept-language")))
        )
        kept = {name: value for name, value in answer.headers.items() if name in ("retry-after", "www-authenticate")}
        return Response(page, error.status, {**headers, **kept}, HTML)
    return Response(page, 200, headers, HTML)


def _wants_page(accept: str) -> bool:
    """Tell whether an `Accept` header names HTML, and does not refuse it by `q=0`."""
    for each in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in each.split(";"))
        if kind == "text/html":
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False


async def _opened(request: Request, token: str) -> dict[str, Any]:
    services = services_of(request)
    resources = services.resources
    caller = None
    try:
        caller = await services.authenticator.caller(request.headers)
    except UnauthorizedError:
        # Only a public link works without a token.
        if resources.settings.shares != "public":
            raise
    if resources.settings.shares == "off":
        raise NotFoundError
    from assistant import shares

    try:
        return await shares.open_share(token, caller, resources)
    except NotFoundError:
        # The same for a link that does not exist and for one of a tenant.
        if caller is None:
            raise UnauthorizedError from None
        raise
