"""The model calls of a job are claimed before they run, and count as those of a turn."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from assistant import jobs, quotas
from assistant.identity import Caller
from assistant.prices import MILLION
from tests.integration.turns.conftest import ProcessMaker
from tests.support import job_agents
from tests.support.provider_server import Answer, ProviderServer, Text
from tests.support.running_jobs import start
from tests.support.turns import Process, text_of

pytestmark = pytest.mark.anyio

QUESTIONS = 2


@pytest.fixture
def here(process: ProcessMaker) -> Process:
    """A process, and a user whose tenant has no other."""
    made = process(agent_factory=job_agents.FACTORY, job_function="job")
    made.caller = Caller(f"tenant_{uuid.uuid4().hex}", "ann")
    return made


async def tokens(here: Process) -> int:
    found = (await quotas.usage(here.context()))["tokens"]
    assert isinstance(found, int)
    return found


async def limit(here: Process, user_id: str | None, most: int) -> None:
    """Set a limit on tokens by a record, which the process reads anew."""
    await quotas.change_limits(here.resources, here.caller.tenant_id, user_id, {"tokens_per_day": most})
    here.resources.records.clear()


async def test_a_call_counts_what_it_has_used(
    here: Process, provider: ProviderServer, started: list[dict[str, str]]
) -> None:
    ref = await start(here, provider, started, "asking")
    before = await tokens(here)
    asked = len(provider.bodies)
    provider.script(Answer(Text("seven")), Answer(Text("nine")))
    assert await jobs.run_job(here.resources, ref)
    assert text_of(await here.shown(ref.thread_id)).endswith("seven and nine")
    assert len(provider.bodies) == asked + QUESTIONS
    used = await tokens(here) - before
    # Not the estimates, which count thousands for the instructions and the answer.
    assert 0 < used < quotas.OVERHEAD_TOKENS
    usage = await quotas.usage(here.context())
    assert usage["turns"] == 1


@pytest.mark.parametrize("of", ["user", "tenant"])
async def test_a_limit_on_tokens_ends_the_job_before_the_call_that_finds_it_reached(
    here: Process, provider: ProviderServer, started: list[dict[str, str]], of: str
) -> None:
    ref = await start(here, provider, started, "asking")
    asked = len(provider.bodies)
    # What is left is enough to begin the first call, which uses it up.
    await limit(here, here.caller.user_id if of == "user" else None, await tokens(here) + 1)
    provider.script(Answer(Text("seven")))
    assert await jobs.run_job(here.resources, ref)
    text = text_of(await here.shown(ref.thread_id))
    assert "limit" in text, text
    assert len(provider.bodies) == asked + 1


async def test_the_operator_s_stop_holds_for_a_job(
    here: Process, provider: ProviderServer, started: list[dict[str, str]]
) -> None:
    ref = await start(here, provider, started, "asking")
    asked = len(provider.bodies)
    await quotas.stop_models(here.resources, stopped=True, reason="a test")
    here.resources.records.clear()
    try:
        assert await jobs.run_job(here.resources, ref)
    finally:
        await quotas.stop_models(here.resources, stopped=False, reason="a test")
    assert len(provider.bodies) == asked
    assert "seven" not in text_of(await here.shown(ref.thread_id))


async def test_a_visitor_s_job_has_the_limits_of_visitors(
    process: ProcessMaker, provider: ProviderServer, started: list[dict[str, str]]
) -> None:
    settings = process(agent_factory=job_agents.FACTORY, job_function="job").resources.settings
    # Each visitor may spend so much that the second call finds the limit reached.
    visitors = replace(settings.visitors, spend_per_day=1 / MILLION)
    here = process(agent_factory=job_agents.FACTORY, job_function="job", visitors=visitors)
    here.caller = Caller(f"tenant_{uuid.uuid4().hex}", "vis_1", visitor=True)
    ref = await start(here, provider, started, "asking")
    asked = len(provider.bodies)
    assert await jobs.run_job(here.resources, ref)
    assert len(provider.bodies) == asked
    assert "limit" in text_of(await here.shown(ref.thread_id))
