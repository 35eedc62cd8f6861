"""`/chatkit/api/shares`: a user shares a snapshot of a conversation. `/chatkit/api/shared`: a reader opens it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from assistant.api.body import read_object
from assistant.api.errors import json_response
from assistant.api.services import CurrentContext, services_of
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError, NotFoundError, UnauthorizedError

router = APIRouter()

PATH = "/chatkit/api/shares"
FIELDS = ("thread_id", "item_id", "days", "public", "files")
# A token has 43 characters.
MAX_TOKEN_CHARACTERS = 100


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
    """Return the snapshot behind a link, as JSON or, for a browser, as a page."""
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
        shown = await shares.open_share(token, caller, resources)
    except NotFoundError:
        # The same for a link that does not exist and for one of a tenant.
        if caller is None:
            raise UnauthorizedError from None
        raise
    if "text/html" in request.headers.get("accept", ""):
        page, headers = shares.share_page(shown)
        return Response(page, 200, headers, "text/html; charset=utf-8")
    return json_response(shown)
