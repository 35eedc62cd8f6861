"""Fixtures: processes on the local AWS with a scripted provider, and jobs that the tests run themselves."""

from __future__ import annotations

import pytest

from assistant.jobs import running, starting
from tests.integration.turns.conftest import ProcessMaker, _fresh, _provider, process, provider
from tests.support import job_agents
from tests.support.turns import Process

__all__ = ["_fresh", "_provider", "here", "process", "provider", "started"]


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The events for the function `job`, which the tests run themselves."""
    job_agents.ran.clear()
    job_agents.between.clear()
    events: list[dict[str, str]] = []

    async def note(name: str, event: dict[str, str]) -> bool:
        events.append(event)
        return True

    monkeypatch.setattr(starting, "invoke_later", note)
    monkeypatch.setattr(running, "CARD_SECONDS", 0.02)
    monkeypatch.setattr(running, "BEAT_SECONDS", 0.06)
    return events


@pytest.fixture
def here(process: ProcessMaker) -> Process:
    """A process whose agent starts jobs."""
    return process(agent_factory=job_agents.FACTORY, job_function="job")
