"""Fixtures: short intervals, a strict provider, and processes of a fresh caller."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from assistant.agent import titles
from assistant.identity import Caller
from assistant.models import close_clients, reset_clients
from assistant.models.demo import DemoModel
from assistant.settings import Settings
from tests.faults.scenes import Provider
from tests.faults.timing import INTERVALS
from tests.support.aws import Aws
from tests.support.provider_server import ProviderServer
from tests.support.turns import Process, scripted_settings

# More requests than any test makes.
REQUESTS = 100_000


@dataclass
class Stage:
    """What one case is played on.

    Attributes:
        settings: Of each of its processes.
        provider: Who answers.
        caller: A user of its own.
    """

    settings: Settings
    provider: Provider
    caller: Caller

    def process(self) -> Process:
        """Return another process."""
        return Process(self.settings, self.caller)


@pytest.fixture(scope="session")
def server() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


@pytest.fixture(autouse=True)
async def _quick(anyio_backend: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    for module, values in INTERVALS.items():
        for name, value in values.items():
            monkeypatch.setattr(f"{module}.{name}", value)
    # Titles are written beside the answers: by a model that asks no provider.
    monkeypatch.setattr(titles, "build_model", lambda *given: DemoModel())
    reset_clients()
    yield
    await close_clients()


@pytest.fixture
def stages(aws_environment: Aws, server: ProviderServer) -> Iterator[Stage]:
    settings = scripted_settings(aws_environment, server.base_url, "chat_completions")

    def made() -> Iterator[Stage]:
        while True:
            provider = Provider()
            server.reset()
            server.script(*[provider] * 100)
            yield Stage(settings, provider, Caller("acme", f"user_{uuid.uuid4().hex}"))

    return made()
