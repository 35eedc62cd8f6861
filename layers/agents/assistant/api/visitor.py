"""`POST /chatkit/api/visitor`: give a visitor an identity, or renew it. `…/take-along`: give the threads to a user."""

from __future__ import annotations

import ipaddress
import time
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import Response

from assistant import clock
from assistant.api.body import read_object
from assistant.api.errors import json_response
from assistant.api.services import CurrentContext, Services, services_of
from assistant.aws import ConditionFailedError, keys
from assistant.aws.keys import Key
from assistant.errors import (
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    UnauthorizedError,
)
from assistant.identity import TOKEN_SECONDS, VISITOR_COOKIE, Caller

router = APIRouter()

# A home or an office has a whole network of this size, and a device changes its address within it.
IPV6_PREFIX_BITS = 64
# API Gateway gives up after 30 s. The sweep moves the rest.
TAKE_ALONG_SECONDS = 10.0
# The day's counters are useless after the day.
COUNTER_LIFETIME = timedelta(days=2)


@router.post("/chatkit/api/visitor")
async def visitor(request: Request) -> Response:
    """Return a visitor's token, or set it as a cookie. A visitor with a valid token stays the same visitor."""
    services = services_of(request)
    visitors = services.authenticator.visitors
    if visitors is None:
        raise NotFoundError
    known = await _known(services, request)
    if known is None:
        await _count(services, await visitors.address_id(_address(services, request)))
    token = await visitors.issue(known)
    if not services.resources.settings.visitors.cookie:
        return json_response({"token": token, "expires_in": TOKEN_SECONDS})
    cookie = f"{VISITOR_COOKIE}={token}; Max-Age={TOKEN_SECONDS}; Path=/; Secure; HttpOnly; SameSite=Strict"
    return json_response({"expires_in": TOKEN_SECONDS}, headers={"set-cookie": cookie})


@router.post("/chatkit/api/visitor/take-along")
async def take_visitors_threads(request: Request, context: CurrentContext) -> Response:
    """Give the threads of the visitor in `{"visitor_token": …}`, or in the cookie, to the user who has signed in.

    `threads` counts the threads that this user has got, and `pending` those that the sweep moves within minutes. The
    same request, sent again, goes on at once.
    """
    from assistant import upkeep
    from assistant.threads import row_key

    services, user = services_of(request), context.caller
    if services.authenticator.visitors is None:
        raise NotFoundError
    if user.visitor:
        raise ForbiddenError("Please sign in first.")
    body = await read_object(request)
    token = body.get("visitor_token")
    if token is not None and not isinstance(token, str):
        raise InvalidRequestError("The 'visitor_token' must be a string.")
    visitor_caller = await services.authenticator.visitor(token, request.headers)
    work = await upkeep.request_take_along(context.resources, visitor_caller, user)
    before = await upkeep.left_to_take_along(context.resources, work)
    deadline = time.monotonic() + TAKE_ALONG_SECONDS
    if await upkeep.take_along(context.resources, work, time_is_up=lambda: time.monotonic() > deadline):
        await context.resources.table.delete(row_key(work))
    pending = len(await upkeep.left_to_take_along(context.resources, work))
    taken = await upkeep.count_taken_along(context.resources, work, before)
    return json_response({"threads": taken, "pending": pending}, 202 if pending else 200)


async def _known(services: Services, request: Request) -> Caller | None:
    """Return the visitor that the request comes from. A token that is not valid any more is no error here."""
    try:
        caller = await services.authenticator.caller(request.headers)
    except UnauthorizedError:
        return None
    return caller if caller.visitor else None


def _address(services: Services, request: Request) -> str:
    """Return the network that a request comes from."""
    header = services.resources.settings.visitors.address_header
    text = request.headers.get(header, "") if header else request.client.host if request.client else ""
    # CloudFront-Viewer-Address has a port. A list has the nearest proxy's view last.
    text = text.rpartition(",")[2].strip()
    for candidate in (text, text.rpartition(":")[0]):
        try:
            address = ipaddress.ip_address(candidate.strip("[]"))
        except ValueError:
            continue
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((address, IPV6_PREFIX_BITS), strict=False))
        return str(address)
    # Requests without an address share one, so that nobody escapes the limit.
    return "unknown"


async def _count(services: Services, address_id: str) -> None:
    """Count a new visitor.

    Raises:
        QuotaExceededError: The address, or all addresses together, have had enough new visitors today.
    """
    from assistant.threads import SCHEMA_VERSION

    limits = services.resources.settings.visitors
    now = clock.now()
    day = keys.day_usage_sk(now)
    for pk, limit in (
        (keys.visitors_partition(address_id), limits.per_address),
        (keys.visitors_partition("all"), limits.per_day),
    ):
        try:
            await services.resources.table.update(
                Key(pk, day),
                "SET schema_version = :version, #ttl = :ttl ADD visitors :one",
                condition="attribute_not_exists(visitors) OR visitors < :limit",
                names={"#ttl": "ttl"},
                values={
                    ":version": SCHEMA_VERSION,
                    ":ttl": int((now + COUNTER_LIFETIME).timestamp()),
                    ":one": 1,
                    ":limit": limit,
                },
            )
        except ConditionFailedError:
            tomorrow = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
            raise QuotaExceededError(retry_after=(tomorrow - now).total_seconds()) from None
