"""`/chatkit/api/my-data`: a user exports or erases their own data. `USER_DATA_ROUTES` turns the routes on."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from assistant.api.errors import json_response
from assistant.api.services import CurrentContext
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError, NotFoundError

router = APIRouter()

PATH = "/chatkit/api/my-data"
CONFIRMATION = "erase"
# API Gateway gives up after 30 s. The sweep does the rest.
INLINE_SECONDS = 10.0


async def _allowed(context: CurrentContext) -> RequestContext:
    if not context.settings.user_data_routes:
        raise NotFoundError
    return context


Allowed = Annotated[RequestContext, Depends(_allowed)]


@router.get(PATH)
async def show(context: Allowed) -> Response:
    """Return the progress of an erasure and of an export: null for none."""
    from assistant import quotas, upkeep

    mark = await quotas.marked(context.resources, context.caller)
    erasure = None if mark is None else {"since": mark["since"], "removed_threads": mark["removed"]}
    export = await upkeep.export_state(context.resources, context.caller)
    if export is not None:
        export = {name: value for name, value in export.items() if name not in {"links", "next"}}
    return json_response({"erasure": erasure, "export": export})


@router.post(f"{PATH}/export")
async def start_export(context: Allowed) -> Response:
    """Start an export, at most once an hour."""
    from assistant import upkeep
    from assistant.threads import row_key

    resources = context.resources
    work = await upkeep.request_export(resources, context.caller)
    deadline = time.monotonic() + INLINE_SECONDS
    if await upkeep.make_export(resources, work, time_is_up=lambda: time.monotonic() > deadline):
        await resources.table.delete(row_key(work))
    return await show_export(context)


@router.get(f"{PATH}/export")
async def show_export(context: Allowed, after: str | None = None) -> Response:
    """Return the export's progress, and when it is `ready`, a page of links. `next` is the `after` of the next page."""
    from assistant import upkeep

    state = await upkeep.export_state(context.resources, context.caller, after)
    if state is None:
        raise NotFoundError("There is no export.")
    return json_response(state, 200 if state["ready"] else 202)


@router.delete(PATH)
async def erase(context: Allowed, confirm: str = "") -> Response:
    """Erase all data of the caller. The query must be `?confirm=erase`."""
    from assistant import upkeep
    from assistant.threads import row_key

    if confirm != CONFIRMATION:
        raise InvalidRequestError(f"An erasure cannot be undone. To confirm it, add ?confirm={CONFIRMATION}.")
    resources, user = context.resources, context.caller
    work = await upkeep.request_erasure(resources, user, by=user, keep_usage=True)
    deadline = time.monotonic() + INLINE_SECONDS
    done = await upkeep.erase(resources, work, time_is_up=lambda: time.monotonic() > deadline)
    if done:
        await resources.table.delete(row_key(work))
    return json_response({"erased": done}, 200 if done else 202)
