"""Fixtures: callers of a deployment whose users can search their threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from assistant.api import create_app
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.http_api import issuer
from tests.support.issuer import AUDIENCE, ISSUER, Issuer

__all__ = ["issuer"]

SEARCH = "/chatkit/api/search"


@dataclass
class Person:
    """A caller.

    Attributes:
        caller: Who it is.
        resources: The process.
        http: A client with the caller's token.
    """

    caller: Caller
    resources: Resources
    http: httpx2.AsyncClient

    @property
    def context(self) -> RequestContext:
        """A new request of the caller."""
        return RequestContext(self.caller, self.resources)

    async def says(self, *texts: str) -> ChatKitClient:
        """Begin a thread and say this in it."""
        thread = ChatKitClient(self.http)
        for text in texts:
            await thread.say(text)
        return thread

    async def search(self, query: str, **more: Any) -> dict[str, Any]:
        """Return a page of hits."""
        answer = await self.http.get(SEARCH, params={"q": query, **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def found(self, query: str) -> list[str]:
        """Return the threads of the hits."""
        return [hit["thread_id"] for hit in (await self.search(query))["data"]]


MakePerson = Callable[..., Person]


@pytest.fixture
async def person(aws_environment: Aws, issuer: Issuer, request: pytest.FixtureRequest) -> AsyncIterator[MakePerson]:
    """Makes callers of this test's own: `person("bob", HISTORY_SEARCH="false")`."""
    opened: list[httpx2.AsyncClient] = []

    def make(user: str = "ann", tenant: str = "acme", **names: str) -> Person:
        given = {
            "LLM_PROVIDER": "demo",
            "THREAD_TITLES": "false",
            "CHAT_TURN_SECONDS": "300",
            "AUTH_MODE": "jwt",
            "AUTH_ISSUER": ISSUER,
            "AUTH_AUDIENCE": AUDIENCE,
            "AUTH_JWKS_URL": issuer.url,
            "HISTORY_SEARCH": "true",
            **names,
        }
        resources = Resources(load_settings(aws_environment.environment(**given)))
        caller = Caller(tenant, f"{user}-{request.node.name}")
        token = issuer.token(sub=caller.user_id, tenant_id=tenant)
        opened.append(client(create_app(resources, streaming=True), authorization=f"Bearer {token}"))
        return Person(caller, resources, opened[-1])

    yield make
    for each in opened:
        await each.aclose()
