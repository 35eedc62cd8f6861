"""`/chatkit/api/audit` and `/chatkit/api/tenant`: an admin reads the trail of their own tenant, and erases it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from assistant.api.errors import json_response
from assistant.api.services import CurrentAdmin
from assistant.errors import InvalidRequestError

router = APIRouter()


@router.get("/chatkit/api/audit")
async def trail(context: CurrentAdmin, after: str | None = None, user_id: str | None = None) -> Response:
    """Return a page of the tenant's audit trail, the newest first. `next` is the `after` of the next page."""
    from assistant import audit

    tenant_id = context.caller.tenant_id
    found, following = await audit.page(context.resources, tenant_id, user_id=user_id, after=after)
    note = audit.entry(context.resources, "audit.read", by=context.caller, tenant_id=tenant_id, about=user_id)
    await audit.record(context.resources, note)
    return json_response({"data": found, "next": following})


@router.get("/chatkit/api/tenant")
async def show_erasure(context: CurrentAdmin) -> Response:
    """Return the progress of the tenant's erasure: null for none."""
    from assistant import upkeep

    return json_response({"erasure": await upkeep.tenant_erasure(context.resources, context.caller.tenant_id)})


@router.delete("/chatkit/api/tenant")
async def erase(context: CurrentAdmin, confirm: str = "") -> Response:
    """Erase the admin's own tenant. The query must be `?confirm=` and the tenant's id."""
    from assistant import upkeep

    tenant_id = context.caller.tenant_id
    if confirm != tenant_id:
        raise InvalidRequestError(
            "An erasure cannot be undone. To confirm it, add ?confirm= and the id of your tenant."
        )
    await upkeep.request_tenant_erasure(context.resources, tenant_id, by=context.caller)
    return json_response({"erasure": await upkeep.tenant_erasure(context.resources, tenant_id)}, 202)
