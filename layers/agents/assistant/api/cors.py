"""CORS for all functions. Do not configure it in a function URL or the API as well: browsers reject double headers."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.api.errors import error_response
from assistant.errors import ForbiddenError
from assistant.settings import Settings

ALLOWED_METHODS = ("GET", "POST", "DELETE")
# The headers that ChatKit's component, our fetch wrapper and CloudFront's origin access control send.
ALLOWED_HEADERS = (
    "content-type",
    "authorization",
    "x-authorization",
    "accept",
    "accept-language",
    "chatkit-frame-instance-id",
    "idempotency-key",
    "traceparent",
    "tracestate",
    "x-amz-content-sha256",
)
EXPOSED_HEADERS = ("retry-after", "www-authenticate", "x-next", "x-turn-id", "x-person", "x-working")
# Chrome caches a preflight answer for at most this long.
PREFLIGHT_SECONDS = 7200
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# The values of Sec-Fetch-Site for a page of another origin. A frontend's own proxy passes on `same-origin`.
# https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
OTHER_SITES = frozenset({"cross-site", "same-site"})


class OriginGuard:
    """Answers 403 to a write from a page whose origin is not allowed.

    CORS alone hides only the answer: a "simple" request needs no preflight and is carried out. In guest mode, any page
    that a developer visits could then send messages as the guest.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app or answer 403."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if headers.get("sec-fetch-site") in OTHER_SITES and origin is not None and origin not in self._allowed:
                # A developer reads this message: no user sees a page of an origin that is not allowed.
                refusal = ForbiddenError(f"The origin {origin} is not allowed. Add it to ALLOWED_ORIGINS.")
                await error_response(refusal, scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def add_cors(app: FastAPI, settings: Settings) -> None:
    """Let pages of `ALLOWED_ORIGINS`, and no others, call the app. A preflight request needs no token."""
    if "*" not in settings.allowed_origins:
        app.add_middleware(OriginGuard, allowed=settings.allowed_origins)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=ALLOWED_METHODS,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
        # The visitors' cookie. Origins are then listed one by one.
        allow_credentials=settings.visitors.cookie,
    )
