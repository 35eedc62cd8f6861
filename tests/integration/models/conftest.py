"""A scripted provider for each test, and no client or failure record left from another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from assistant.models import attempts, close_clients, reset_clients
from tests.support.provider_server import ProviderServer


@pytest.fixture(autouse=True)
async def _fresh_clients(anyio_backend: str) -> AsyncIterator[None]:
    reset_clients()
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
