"""`GET /chatkit/api/attachments/{id}`: a URL that opens a sent file. ChatKit's protocol has one for pictures only."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from assistant.api.errors import json_response
from assistant.api.services import CurrentContext

router = APIRouter()


@router.get("/chatkit/api/attachments/{attachment_id}")
async def attachment(context: CurrentContext, attachment_id: str) -> Response:
    """Return `{"url": …}`, a newly signed URL of one of the caller's files; 404 for any other file."""
    from assistant import files

    found = await files.load_attachment(context.resources.table, context.caller, attachment_id)
    with context.resources.one_more_wait(context.caller) as may_wait:
        await files.check_scan(context.resources, context.caller, found, may_wait=may_wait)
    return json_response({"url": await files.read_url(context.resources, context.caller, found)})
