"""Fixtures: processes on the local AWS's table, and a scripted provider."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import pytest

from assistant.agent import titles
from assistant.errors import StoreUnavailableError
from assistant.identity import Caller
from assistant.models import attempts, close_clients, reset_clients
from assistant.models.demo import DemoModel
from assistant.settings import Settings, load_settings
from assistant.turns import TurnHandle, runner
from tests.support import turn_agents
from tests.support.aws import Aws
from tests.support.provider_server import Answer, ProviderServer, Stall, Text, ToolCall
from tests.support.turns import Client, Process, creation, scripted_settings, until

ProcessMaker = Callable[..., Process]

# The model says three words, and then nothing for longer than any test waits.
STALLING = Answer(Text("one two three"), Stall(30))


async def begin_stalled(here: Process, provider: ProviderServer) -> TurnHandle:
    """Start a turn, and return it when its model has said "one two three" and says nothing more."""
    provider.script(STALLING)
    handle = await here.start(creation("hello"))
    await until(handle.events(), Client(), "three")
    return handle


async def unreachable(*_: object) -> None:
    """Fail as a call to a table that cannot be reached."""
    raise StoreUnavailableError


def die(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing of a process reach the table any more, as when it is killed."""
    monkeypatch.setattr(process.resources.table, "_call", unreachable)
    monkeypatch.setattr(runner, "ENDING_ATTEMPTS", 1)


async def ask_the_page(here: Process, provider: ProviderServer) -> str:
    """Begin a thread whose model asks the page for something and waits, and return the thread's id."""
    provider.script(Answer(ToolCall("ask_browser")))
    return await here.create("how wide is it?")


@pytest.fixture(scope="session")
def _provider() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


@pytest.fixture
def provider(_provider: ProviderServer) -> ProviderServer:
    _provider.reset()
    return _provider


@pytest.fixture(autouse=True)
async def _fresh(anyio_backend: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(attempts, "BACKOFF_BASE_SECONDS", 0.01)
    turn_agents.calls.clear()
    # Titles are written beside the answers: by a model that asks no provider.
    monkeypatch.setattr(titles, "build_model", lambda *given: DemoModel())
    reset_clients()
    yield
    await close_clients()


@pytest.fixture
async def process(aws_environment: Aws, provider: ProviderServer) -> AsyncIterator[ProcessMaker]:
    """Makes processes: `process(api="responses")`, with any other setting by its name."""
    made: list[Process] = []
    # A user for each test: the same words of the same user may be the same request.
    caller = Caller("acme", f"ann_{uuid.uuid4().hex}")

    def make(api: Literal["responses", "chat_completions"] | None = "chat_completions", **changes: Any) -> Process:
        if api is None:
            demo = aws_environment.environment(LLM_PROVIDER="demo", AGENT_FACTORY=turn_agents.FACTORY)
            settings = load_settings(demo)
        else:
            settings = scripted_settings(aws_environment, provider.base_url, api)
        made.append(Process(replace(settings, **changes), caller))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def settings(process: ProcessMaker) -> Settings:
    return process().resources.settings
