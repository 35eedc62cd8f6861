"""The objects that the routes share, and the dependencies that give a route its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.telemetry import TelemetryConfig
from starlette.types import Scope

from assistant.aws import MAX_ANSWER_BYTES
from assistant.budgets import END_MARGIN_SECONDS
from assistant.context import RequestContext, Resources
from assistant.errors import ForbiddenError
from assistant.identity import Authenticator, Caller
from assistant.otel import Parent
from assistant.texts import language_of

Deadline = Callable[[Scope], float | None]

# FastAPI's own telemetry records queries and messages of errors, whatever `LOG_CONTENT` says (fastapi 0.165).
# `assistant.otel` traces the turns.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


@dataclass(frozen=True)
class Services:
    """The objects that an app's routes share.

    Attributes:
        resources: Table, bucket and settings of the process.
        authenticator: Returns the caller of a request.
        streaming: Whether the app sends answers event by event.
        deadline: Returns the deadline of a request's turn.
    """

    resources: Resources
    authenticator: Authenticator
    streaming: bool = False
    deadline: Deadline | None = None


def services_of(request: Request) -> Services:
    """Return the shared objects of the app that serves a request."""
    return cast(Services, request.app.state.services)


async def _caller(request: Request) -> Caller:
    return await services_of(request).authenticator.caller(request.headers)


async def _context(request: Request, caller: CurrentCaller) -> RequestContext:
    services = services_of(request)
    limits = [] if services.deadline is None else [services.deadline(request.scope)]
    if not services.streaming:
        now = asyncio.get_running_loop().time()
        limits.append(now + services.resources.settings.chat_turn_seconds)
    known = [limit for limit in limits if limit is not None]
    most = None if services.streaming else MAX_ANSWER_BYTES
    return RequestContext(
        caller,
        services.resources,
        deadline=min(known, default=None),
        max_answer_bytes=most,
        language=language_of(request.headers.get("accept-language")),
        parent=Parent(request.headers.get("traceparent"), request.headers.get("tracestate")),
    )


# A route with one of these parameters answers 401 to a request without a valid token, before it reads the body.
CurrentCaller = Annotated[Caller, Depends(_caller)]
# The same for all routes of a router, also those without such a parameter.
NEEDS_CALLER = Depends(_caller)
CurrentContext = Annotated[RequestContext, Depends(_context)]


def is_admin(context: RequestContext) -> bool:
    """Tell whether the caller has a role of `ADMIN_ROLES`."""
    return context.caller.role in context.settings.admin_roles


async def _admin(context: CurrentContext) -> RequestContext:
    if not is_admin(context):
        raise ForbiddenError
    return context


# The same, and 403 to a caller whose role is not in `ADMIN_ROLES`.
CurrentAdmin = Annotated[RequestContext, Depends(_admin)]


def lambda_deadline(scope: Scope) -> float | None:
    """Return the deadline of a request's turn, in seconds of the event loop's clock.

    Args:
        scope: The ASGI scope. Mangum and our streaming runtime add Lambda's context to it.

    Returns:
        None outside Lambda.
    """
    context = scope.get("aws.context")
    if context is None:
        return None
    remaining: float = context.get_remaining_time_in_millis() / 1000
    # With a very short timeout, the turn still gets half of it.
    return asyncio.get_running_loop().time() + max(remaining - END_MARGIN_SECONDS, remaining / 2)
