"""A job begins and ends once, wherever a process dies: at its start, at a checkpoint, at its end."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from chatkit.agents import AgentContext

from assistant import clock, jobs
from assistant.aws import ConditionFailedError
from assistant.context import RequestContext
from assistant.jobs import JobRef, rows
from assistant.threads.store import ThreadStore
from assistant.upkeep import sweep
from tests.faults.points import Points, watch
from tests.faults.test_store_phases import LastCall
from tests.integration.turns.conftest import ProcessMaker
from tests.support import job_agents
from tests.support.faults import ProcessKilledError
from tests.support.provider_server import Answer, ProviderServer, Text
from tests.support.rows import keys_of
from tests.support.running_jobs import row_of, working
from tests.support.turns import Process, text_of

pytestmark = pytest.mark.anyio

LATER = rows.LEASE + timedelta(minutes=5)
SHORT = 6


class Stage:
    """A thread without a job, and processes of its user."""

    def __init__(self, process: ProcessMaker, started: list[dict[str, str]], patch: pytest.MonkeyPatch) -> None:
        self._process = process
        self._started = started
        self.here = self.process()
        self.moment = clock.now()
        self.thread_id = ""
        patch.setattr(clock, "now", lambda: self.moment)

    def process(self) -> Process:
        """Return another process."""
        return self._process(agent_factory=job_agents.FACTORY, job_function="job")

    async def begin(self, provider: ProviderServer) -> None:
        """Make a thread of its own."""
        provider.script(Answer(Text("Hello.")))
        self.thread_id = await self.here.create(f"hello at {self.moment.isoformat()}")
        job_agents.ran.clear()
        self._started.clear()

    async def start(self, process: Process) -> str:
        """Start a job, as a tool does."""
        context = process.context()
        thread = await ThreadStore(self.here.resources).load_thread(self.thread_id, self.here.context())
        chat: AgentContext[RequestContext] = AgentContext(
            thread=thread, store=ThreadStore(process.resources), request_context=context
        )
        return await jobs.start_job("steps", "Counting", {"steps": job_agents.STEPS}, chat)

    def ref(self, job_id: str) -> JobRef:
        """Return the address of a job."""
        return JobRef(self.here.caller, self.thread_id, job_id)

    async def sweep_and_run(self) -> None:
        """Let time pass, and do what the sweep starts. It looks again later, as long as there is something to do."""
        for _ in range(rows.MAX_ATTEMPTS):
            self.moment += LATER
            self._started.clear()
            await sweep(self.here.resources)
            for event in self._started:
                if event["thread_id"] == self.thread_id:
                    await jobs.run_job(self.here.resources, jobs.ref_of(event))

    async def check(self, most: int) -> None:
        """Check that each job of the thread has ended once, and that nothing of it is left."""
        keys = [sk for _, sk in keys_of(self.here.resources, self.thread_id)]
        assert not [sk for sk in keys if f"#{jobs.JOB_KIND}#" in sk], "its work is left"
        assert await working(self.here, self.thread_id) is None
        ended = text_of(await self.here.shown(self.thread_id)).count("counted to 4")
        assert ended <= most
        assert (ended == 1) == bool(job_agents.ran)
        # At most the step after the last checkpoint was repeated.
        assert sorted(set(job_agents.ran)) == list(range(job_agents.STEPS)) * ended
        assert len(job_agents.ran) <= job_agents.STEPS + 1


@pytest.fixture
def stage(process: ProcessMaker, started: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(process, started, monkeypatch)


async def start_killed(stage: Stage, provider: ProviderServer, points: Points) -> Points:
    """Kill the process of the turn while it starts a job."""
    await stage.begin(provider)
    faulty = stage.process()
    watch(faulty.resources, points)
    with suppress(ProcessKilledError):
        await stage.start(faulty)
    await stage.sweep_and_run()
    await stage.check(1)
    return points


async def run_killed(stage: Stage, provider: ProviderServer, points: Points) -> Points:
    """Kill the process that runs a job."""
    await stage.begin(provider)
    ref = stage.ref(await stage.start(stage.here))
    faulty = stage.process()
    watch(faulty.resources, points)
    with suppress(ProcessKilledError):
        await jobs.run_job(faulty.resources, ref)
    await stage.sweep_and_run()
    await stage.check(1)
    assert (await row_of(stage.here, ref))["state"] == "done"
    return points


SCENES = {"start": start_killed, "run": run_killed}


@pytest.mark.parametrize("name", SCENES)
async def test_a_job_survives_the_death_of_a_process(stage: Stage, provider: ProviderServer, name: str) -> None:
    passed = (await SCENES[name](stage, provider, Points())).passed
    assert "after transact_write_items" in passed
    # The last one is after the end's transaction.
    for at in {*range(0, len(passed), max(1, len(passed) // SHORT)), passed.index("after transact_write_items")}:
        await hurt(stage, provider, name, at)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SCENES)
async def test_a_job_survives_the_death_of_a_process_at_any_point(
    stage: Stage, provider: ProviderServer, name: str
) -> None:
    passed = (await SCENES[name](stage, provider, Points())).passed
    for at in range(len(passed)):
        await hurt(stage, provider, name, at)


async def hurt(stage: Stage, provider: ProviderServer, name: str, at: int) -> None:
    points = LastCall(at)
    try:
        await SCENES[name](stage, provider, points)
    except (AssertionError, ConditionFailedError) as error:
        raise AssertionError(f"{name}, {at}, {points.passed[-1:]}: {error}") from error
