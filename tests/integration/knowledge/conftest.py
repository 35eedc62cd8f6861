"""Fixtures: the app with knowledge on the local AWS, and librarians with different roles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.identity import Caller
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.http_api import issuer
from tests.support.issuer import AUDIENCE, ISSUER, Issuer
from tests.support.knowledge import Librarian, with_knowledge

__all__ = ["issuer"]

MakeLibrarian = Callable[..., Librarian]


@pytest.fixture
def resources(aws_environment: Aws, issuer: Issuer) -> Resources:
    """The issuer's tokens are let in."""
    tokens = {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE, "AUTH_JWKS_URL": issuer.url, "AUTH_MODE": "jwt"}
    return with_knowledge(aws_environment, **tokens)


@pytest.fixture
async def librarian(resources: Resources, issuer: Issuer) -> AsyncIterator[MakeLibrarian]:
    opened: list[httpx2.AsyncClient] = []

    def make(caller: Caller, **where: str) -> Librarian:
        token = issuer.token(sub=caller.user_id, tenant_id=caller.tenant_id, role=caller.role)
        opened.append(client(create_app(resources, streaming=True), authorization=f"Bearer {token}"))
        return Librarian(opened[-1], resources, where or {"scope": "user"})

    yield make
    for each in opened:
        await each.aclose()
