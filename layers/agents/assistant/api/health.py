"""`GET /health`: report that the function runs, and its provider."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from assistant.api.errors import json_response
from assistant.api.services import services_of

router = APIRouter()


@router.get("/health")
async def health(request: Request) -> Response:
    """Answer without a token and without reading the table."""
    provider = services_of(request).resources.settings.llm_provider
    return json_response({"status": "healthy", "provider": provider})
