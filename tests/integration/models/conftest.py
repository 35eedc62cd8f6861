"""A scripted provider for each test, and no client or failure record left from another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.models import attempts, close_clients, reset_clients
from assistant.models.capabilities import forget_learnt
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_server import ProviderServer


@pytest.fixture(autouse=True)
async def _fresh_clients(anyio_backend: str) -> AsyncIterator[None]:
    reset_clients()
    forget_learnt()
    yield
    await close_clients()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "BACKOFF_BASE_SECONDS", 0.01)


@pytest.fixture(scope="session")
def _two_providers() -> Iterator[tuple[ProviderServer, ProviderServer]]:
    with ProviderServer() as first, ProviderServer() as second:
        yield first, second


@pytest.fixture
def provider(_two_providers: tuple[ProviderServer, ProviderServer]) -> ProviderServer:
    _two_providers[0].reset()
    return _two_providers[0]


@pytest.fixture
def other_provider(_two_providers: tuple[ProviderServer, ProviderServer]) -> ProviderServer:
    _two_providers[1].reset()
    return _two_providers[1]


@pytest.fixture
async def open_compatible(
    aws_environment: Aws, provider: ProviderServer
) -> AsyncIterator[Callable[..., ChatKitClient]]:
    """Return a function that opens a thread with the platform on a compatible server, or with other settings."""
    opened: list[ChatKitClient] = []

    def make(**names: str) -> ChatKitClient:
        given = {
            "LLM_PROVIDER": "compatible",
            "LLM_BASE_URL": provider.base_url,
            "LLM_DEFAULT_MODEL": "small-model",
            "OPENAI_BASE_URL": provider.base_url,
            "AGENT_FACTORY": "tests.support.turn_agents:build_agent",
            "THREAD_TITLES": "false",
            **names,
        }
        settings = load_settings(aws_environment.environment(**given))
        opened.append(ChatKitClient(client(create_app(Resources(settings), streaming=True))))
        return opened[-1]

    yield make
    for each in opened:
        await each.http.aclose()


@pytest.fixture
async def adding_thread(aws_environment: Aws, provider: ProviderServer) -> AsyncIterator[Callable[..., ChatKitClient]]:
    """Open threads of an agent with the tool `add`, on either API."""
    opened: list[ChatKitClient] = []

    def make(api: str, *, streaming: bool = True, **names: str) -> ChatKitClient:
        environment = aws_environment.environment(
            OPENAI_BASE_URL=provider.base_url,
            LLM_PROVIDER="openai",
            OPENAI_API_KEY="sk-test",
            OPENAI_API="responses" if api == "responses" else "chat_completions",
            THREAD_TITLES="false",
            **{"AGENT_FACTORY": "tests.support.adding_agent:build_agent", **names},
        )
        opened.append(ChatKitClient(client(create_app(Resources(load_settings(environment)), streaming=streaming))))
        return opened[-1]

    yield make
    for each in opened:
        await each.http.aclose()
