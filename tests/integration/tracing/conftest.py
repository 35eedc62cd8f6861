"""Fixtures of traces: a collector, a provider, and apps that export."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import httpx2
import pytest
from agents.tracing import set_trace_processors

from assistant.agent import configuration
from assistant.api import create_app
from assistant.context import Resources
from assistant.models import attempts, close_clients, reset_clients
from assistant.otel import agents_spans
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.collector import Collector
from tests.support.provider_server import ProviderServer

OpenThread = Callable[..., ChatKitClient]

KEY = "sk-canary-0123456789"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the SDK have the processors of this test alone: they are the process's."""
    monkeypatch.setattr(attempts, "BACKOFF_BASE_SECONDS", 0.01)
    configuration._common.cache_clear()
    agents_spans._installed.clear()
    yield
    set_trace_processors([])
    agents_spans._installed.clear()
    configuration._common.cache_clear()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def _provider() -> Iterator[ProviderServer]:
    with ProviderServer() as running:
        yield running


@pytest.fixture
def provider(_provider: ProviderServer) -> ProviderServer:
    _provider.reset()
    return _provider


@pytest.fixture
async def open_thread(
    aws_environment: Aws, provider: ProviderServer, collector: Collector
) -> AsyncIterator[OpenThread]:
    """Opens a client of an app that exports to the collector, with any setting by its name."""
    opened: list[httpx2.AsyncClient] = []

    def make(headers: dict[str, str] | None = None, **more: str) -> ChatKitClient:
        env = {
            "LLM_PROVIDER": "openai",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": provider.base_url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "THREAD_TITLES": "false",
            **more,
        }
        app = create_app(Resources(load_settings(aws_environment.environment(**env))), streaming=True)
        opened.append(client(app, **(headers or {})))
        return ChatKitClient(opened[-1])

    reset_clients()
    yield make
    for each in opened:
        await each.aclose()
    await close_clients()
