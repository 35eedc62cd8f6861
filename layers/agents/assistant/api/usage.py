"""`GET /chatkit/api/usage`: report the caller's usage today and the limits."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from assistant.api.errors import json_response
from assistant.api.services import CurrentContext

router = APIRouter()


@router.get("/chatkit/api/usage")
async def usage(context: CurrentContext) -> Response:
    """Return today's turns and tokens, and the limits that apply to the caller."""
    from assistant import quotas

    return json_response(await quotas.usage(context))
