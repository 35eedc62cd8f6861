"""`/chatkit/api/limits`: an admin tightens the limits of their own tenant and of its users.

The answers have the limits of the admins (`limits`), and those of the operator's record (`operator_limits`), which no
admin changes. The stricter one holds, also than the settings.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from assistant.api.body import read_object
from assistant.api.errors import json_response
from assistant.api.services import CurrentAdmin
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError

router = APIRouter()


@router.get("/chatkit/api/limits")
async def show(context: CurrentAdmin, user_id: str | None = None) -> Response:
    """Return `{"limits": {…}, "operator_limits": {…}}`: the record of the tenant, or of one of its users."""
    return json_response(await _shown(context, user_id))


@router.post("/chatkit/api/limits")
async def change(request: Request, context: CurrentAdmin) -> Response:
    """Replace the admins' limits by `{"limits": {…} or null, "user_id": …}`. Without a user: those of the tenant."""
    from assistant import quotas

    body = await read_object(request)
    user_id, limits = body.get("user_id"), _limits(body)
    if user_id is not None and not isinstance(user_id, str):
        raise InvalidRequestError("The 'user_id' must be a string.")
    values = None if limits is None else quotas.checked(limits, of_tenant=user_id is None)
    await quotas.change_limits(context.resources, context.caller.tenant_id, user_id, values, by=context.caller)
    return json_response(await _shown(context, user_id))


async def _shown(context: RequestContext, user_id: str | None) -> dict[str, Any]:
    from assistant import quotas

    whose = context.resources, context.caller.tenant_id, user_id
    return {
        "limits": await quotas.stored_limits(*whose, of_admin=True),
        "operator_limits": await quotas.stored_limits(*whose),
    }


def _limits(body: dict[str, Any]) -> dict[str, Any] | None:
    limits = body.get("limits")
    if "limits" not in body or not (limits is None or isinstance(limits, dict)):
        raise InvalidRequestError("The body needs 'limits': an object, or null to remove the record.")
    return limits
