"""`GET /chatkit/api/choices`: the models and tools that the caller may choose, for the page's composer."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from assistant.api.errors import json_response
from assistant.api.services import CurrentContext

router = APIRouter()


@router.get("/chatkit/api/choices")
async def choices(context: CurrentContext) -> Response:
    """Return the names that a message of the caller may have in `inference_options`."""
    settings = context.settings
    return json_response(
        {"models": settings.allowed_models.of(context.caller.role), "tools": list(settings.allowed_tools)}
    )
