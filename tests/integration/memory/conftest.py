"""Fixtures: threads of an agent that remembers, with a scripted provider on OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import httpx2
import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.models import close_clients, reset_clients
from assistant.settings import load_settings
from tests.support import remembering_agent
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.http_api import issuer
from tests.support.issuer import AUDIENCE, ISSUER, Issuer
from tests.support.provider_server import ProviderServer

__all__ = ["issuer"]

OpenThread = Callable[..., ChatKitClient]


@pytest.fixture(scope="session")
def _provider() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


@pytest.fixture
async def provider(_provider: ProviderServer) -> AsyncIterator[ProviderServer]:
    _provider.reset()
    reset_clients()
    yield _provider
    await close_clients()


@pytest.fixture
async def open_thread(
    aws_environment: Aws, provider: ProviderServer, issuer: Issuer, request: pytest.FixtureRequest
) -> AsyncIterator[OpenThread]:
    """Open a thread of a user, who is this test's own unless named."""
    opened: list[httpx2.AsyncClient] = []

    def make(user: str = "ann", tenant: str = "acme", role: str = "member", **names: str) -> ChatKitClient:
        given = {
            "LLM_PROVIDER": "openai",
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": provider.base_url,
            "AGENT_FACTORY": remembering_agent.FACTORY,
            "THREAD_TITLES": "false",
            "CHAT_TURN_SECONDS": "300",
            "AUTH_MODE": "jwt",
            "AUTH_ISSUER": ISSUER,
            "AUTH_AUDIENCE": AUDIENCE,
            "AUTH_JWKS_URL": issuer.url,
            **names,
        }
        resources = Resources(load_settings(aws_environment.environment(**given)))
        token = issuer.token(sub=f"{user}-{request.node.name}", tenant_id=tenant, role=role)
        opened.append(client(create_app(resources, streaming=True), authorization=f"Bearer {token}"))
        return ChatKitClient(opened[-1])

    yield make
    for each in opened:
        await each.aclose()
