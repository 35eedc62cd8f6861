"""CORS: here for all functions, and never in a function URL's or the API's configuration as well."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

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


def add_cors(app: FastAPI, settings: Settings) -> None:
    """Let pages of `ALLOWED_ORIGINS` call the app. A preflight request needs no token."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=ALLOWED_METHODS,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
    )
