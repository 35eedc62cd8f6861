"""Exports of Agent Builder behind the real HTTP API, on a scripted provider that speaks either of OpenAI's APIs."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.models import attempts, close_clients, reset_clients
from assistant.models.capabilities import forget_learnt
from assistant.settings import load_settings
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.provider_server import ProviderServer
from tests.support.strict_client import StrictClient
from tests.support.strict_provider import check

LIBRARY = Path(__file__).parents[2] / "exports" / "guardrails_library"


class OpenThread(Protocol):
    """Opens a thread with an export in a process of its own, or the thread of another client."""

    def __call__(self, export: str, api: str = ..., of: StrictClient | None = None, **names: str) -> StrictClient: ...


@pytest.fixture(autouse=True)
async def _fresh(anyio_backend: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(attempts, "BACKOFF_BASE_SECONDS", 0.01)
    # The export itself makes a client of OpenAI, which needs a key in the environment.
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.syspath_prepend(str(LIBRARY))
    reset_clients()
    forget_learnt()
    yield
    await close_clients()
    for name in [name for name in sys.modules if name.partition(".")[0] == "guardrails"]:
        del sys.modules[name]


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server
    for request in server.requests:
        check(request.body)


@pytest.fixture
async def open_thread(aws_environment: Aws, provider: ProviderServer) -> AsyncIterator[OpenThread]:
    opened: list[StrictClient] = []

    def make(export: str, api: str = "responses", of: StrictClient | None = None, **names: str) -> StrictClient:
        given = {
            "AGENT_FACTORY": f"tests.exports.{export}:build_agent",
            "LLM_PROVIDER": "openai",
            "OPENAI_API": api,
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": provider.base_url,
            "THREAD_TITLES": "false",
            **names,
        }
        app = create_app(Resources(load_settings(aws_environment.environment(**given))), streaming=True)
        opened.append(StrictClient(client(app), of.thread_id if of else None))
        return opened[-1]

    yield make
    for each in opened:
        await each.http.aclose()
