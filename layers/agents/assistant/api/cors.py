"""CORS: here for all functions, and never in a function URL's or the API's configuration as well."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.api.errors import error_response
from assistant.errors import ForbiddenError
from assistant.settings import Settings

ALLOWED_METHODS = ("GET", "POST")
# What ChatKit's component, our fetch wrapper and CloudFront's origin access control send.
ALLOWED_HEADERS = (
    "content-type",
    "authorization",
    "x-authorization",
    "accept",
    "accept-language",
    "chatkit-frame-instance-id",
    "idempotency-key",
    "x-amz-content-sha256",
)
EXPOSED_HEADERS = ("retry-after", "www-authenticate", "x-turn-id")
# Chrome keeps no preflight longer than this.
PREFLIGHT_SECONDS = 7200
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What a browser says of a request from a page of another origin; a frontend's own proxy passes on `same-origin`.
# https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
OTHER_SITES = frozenset({"cross-site", "same-site"})


class OtherPages:
    """Refuses what a page of an origin that is not allowed sends without asking first.

    CORS hides the answer from such a page and lets a simple request through. Where guests are let in, that is a message
    in a guest's name, from any page that a developer happens to visit.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, or answer 403."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if headers.get("sec-fetch-site") in OTHER_SITES and origin is not None and origin not in self._allowed:
                refusal = ForbiddenError(f"Pages of {origin} may not call: it is not in ALLOWED_ORIGINS.")
                await error_response(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def add_cors(app: FastAPI, settings: Settings) -> None:
    """Let pages of `ALLOWED_ORIGINS` call the app, and no others. A preflight request needs no token."""
    if "*" not in settings.allowed_origins:
        app.add_middleware(OtherPages, allowed=settings.allowed_origins)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=ALLOWED_METHODS,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
    )
