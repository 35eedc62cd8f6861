"""Fixtures: servers of the function `stream` on one table, reached over HTTP with tokens of users of a test's own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.app_server import AppServer
from tests.support.aws import Aws
from tests.support.http_api import issuer
from tests.support.issuer import AUDIENCE, ISSUER, Issuer

__all__ = ["issuer"]

ServerMaker = Callable[..., AppServer]


@pytest.fixture
def tenant() -> str:
    """A tenant of this test's own."""
    return f"acme-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def token(issuer: Issuer, tenant: str) -> str:
    """A token of a user of that tenant."""
    return issuer.token(tenant_id=tenant, sub="ann", role="user")


@pytest.fixture
def serve(table_and_bucket: Aws, issuer: Issuer) -> Iterator[ServerMaker]:
    """Starts servers: `serve(MAX_CONCURRENT_TURNS="3")`, perhaps of another app. They end with the test."""
    tokens = {"AUTH_MODE": "jwt", "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE, "AUTH_JWKS_URL": issuer.url}
    with ExitStack() as stack:

        def start(app: str = "app:app", function: str = "stream", **more: str) -> AppServer:
            return stack.enter_context(AppServer(table_and_bucket, {**tokens, **more}, app, function))

        yield start
