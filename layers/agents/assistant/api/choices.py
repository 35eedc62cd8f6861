"""`GET /chatkit/api/choices`: the models and tools that the caller may choose, and the parts that a page may show."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from assistant.api.errors import json_response
from assistant.api.people import is_staff
from assistant.api.services import CurrentContext, is_admin
from assistant.context import RequestContext

router = APIRouter()


@router.get("/chatkit/api/choices")
async def choices(context: CurrentContext) -> Response:
    """Return the names that a message may have in `inference_options`, and the parts whose routes serve the caller."""
    settings = context.settings
    return json_response(
        {
            "models": settings.allowed_models.of(context.caller.role),
            "tools": list(settings.allowed_tools),
            "parts": [name for name, offered in _parts(context).items() if offered],
        }
    )


def _parts(context: RequestContext) -> dict[str, bool]:
    """Return which parts of a page work for the caller. Each route checks the caller by the same rule."""
    settings, caller = context.settings, context.caller
    may_share = settings.shares != "off" and not caller.visitor
    own, tenants = False, False
    if settings.knowledge.on:
        from assistant import knowledge, passages

        own, tenants = passages.may_have_own(settings, caller), knowledge.is_editor(settings, caller)
    return {
        "search": settings.history_search,
        "shares": may_share,
        "public_shares": may_share and settings.shares == "public",
        "documents": own,
        "tenant_documents": tenants,
        "person": bool(settings.support_roles),
        "people": is_staff(context),
        "tenant_usage": is_admin(context),
    }
