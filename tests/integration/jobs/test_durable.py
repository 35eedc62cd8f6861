"""Jobs as a durable function, run by AWS's own test runner: it stores the steps, replays them and invokes again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from aws_durable_execution_sdk_python.lambda_service import InvocationStatus
from aws_durable_execution_sdk_python_testing.model import LambdaContext
from aws_durable_execution_sdk_python_testing.runner import DurableFunctionTestResult, DurableFunctionTestRunner

from assistant import clock, jobs
from assistant.jobs import JobRef
from local.functions import load_function
from tests.support import job_agents
from tests.support.provider_server import ProviderServer
from tests.support.running_jobs import card_of, row_of, start
from tests.support.turns import Process, text_of

pytestmark = pytest.mark.anyio

POLL_SECONDS = 0.02
PATIENCE_SECONDS = 60
Next = Callable[[Any, JobRef], Awaitable[int | None]]


@pytest.fixture
def durable(here: Process, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function. Each of its invocations has time for one step of a job, and the last one for the job's end."""
    function = load_function("durable_job")
    monkeypatch.setattr(function, "resources", here.resources)

    def left(_: object) -> int:
        return 0 if len(job_agents.ran) < job_agents.STEPS else 900_000

    monkeypatch.setattr(LambdaContext, "get_remaining_time_in_millis", left)
    return function


async def run(durable: ModuleType, ref: JobRef) -> DurableFunctionTestResult:
    """Run an execution to its end. The runner's clock skips the waits."""

    def invoked(event: Any, context: Any) -> Any:
        try:
            return durable.lambda_handler(event, context)
        except asyncio.CancelledError:
            # The runner is in this process. A killed process is a failed invocation to Lambda.
            raise RuntimeError("the process was killed") from None

    with DurableFunctionTestRunner(handler=invoked, poll_interval=POLL_SECONDS) as runner:
        return await asyncio.to_thread(runner.run, input=json.dumps(ref.event()), execution_timeout=PATIENCE_SECONDS)


def operations(result: DurableFunctionTestResult) -> Counter[str | None]:
    """Return how many operations of each name Lambda has stored."""
    return Counter(each.name for each in result.operations)


def between_slices(durable: ModuleType, monkeypatch: pytest.MonkeyPatch, act: Callable[[int | None], Any]) -> None:
    """Call this with what each slice has answered, before Lambda stores it."""
    look: Next = durable.seconds_to_next_run

    async def looked(resources: Any, ref: JobRef) -> int | None:
        found = await look(resources, ref)
        made = act(found)
        if made is not None:
            await made
        return found

    monkeypatch.setattr(durable, "seconds_to_next_run", looked)


async def test_a_job_of_several_slices_ends_and_no_replay_does_its_work_twice(
    here: Process, provider: ProviderServer, started: list[dict[str, str]], durable: ModuleType
) -> None:
    ref = await start(here, provider, started)
    result = await run(durable, ref)
    assert (result.status, result.result) == (InvocationStatus.SUCCEEDED, '{"done": true}')
    assert job_agents.ran == [0, 1, 2, 3]
    assert operations(result) == {"run": 4, "pause": 3}
    shown = await here.shown(ref.thread_id)
    assert text_of(shown).endswith("counted to 4")
    assert card_of(shown).widget.key == "job.ended"

    again = await run(durable, ref)
    assert (again.result, operations(again)) == ('{"done": true}', {"run": 1}), "another execution finds the end"
    assert text_of(await here.shown(ref.thread_id)).count("counted to 4") == 1


async def test_a_cancel_between_two_slices_ends_the_execution(
    here: Process,
    provider: ProviderServer,
    started: list[dict[str, str]],
    durable: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ref = await start(here, provider, started)
    between_slices(durable, monkeypatch, lambda _: jobs.cancel_job(ref.thread_id, ref.job_id, here.context()))
    result = await run(durable, ref)
    assert (result.status, operations(result)) == (InvocationStatus.SUCCEEDED, {"run": 2, "pause": 1})
    assert job_agents.ran == [0]
    assert "was cancelled" in text_of(await here.shown(ref.thread_id))


async def test_a_job_goes_on_after_a_slice_whose_run_was_killed(
    here: Process,
    provider: ProviderServer,
    started: list[dict[str, str]],
    durable: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ref = await start(here, provider, started)
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    waits: list[int | None] = []

    async def die() -> None:
        if job_agents.ran == [0, 1]:
            # As a killed process: it neither ends its run nor gives its lease back.
            raise asyncio.CancelledError

    def wait(seconds: int | None) -> None:
        nonlocal moment
        waits.append(seconds)
        moment += timedelta(seconds=seconds or 0)

    job_agents.between.append(die)
    between_slices(durable, monkeypatch, wait)
    result = await run(durable, ref)
    assert result.status is InvocationStatus.SUCCEEDED
    # The killed step is repeated, from the checkpoint before it, when its lease is over.
    assert job_agents.ran == [0, 1, 1, 2, 3]
    assert max(each or 0 for each in waits) >= 90
    assert (await row_of(here, ref))["state"] == "done"


async def test_a_slice_that_loses_the_table_is_tried_again(
    here: Process,
    provider: ProviderServer,
    started: list[dict[str, str]],
    durable: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ref = await start(here, provider, started)
    failures = 0
    really = durable.run_job

    async def failing(*given: Any, **named: Any) -> Any:
        nonlocal failures
        failures += 1
        if failures < 3:
            raise RuntimeError("no table")
        return await really(*given, **named)

    monkeypatch.setattr(durable, "run_job", failing)
    result = await run(durable, ref)
    assert result.status is InvocationStatus.SUCCEEDED
    assert job_agents.ran == [0, 1, 2, 3]


async def test_two_executions_of_one_job_do_its_work_once(
    here: Process,
    provider: ProviderServer,
    started: list[dict[str, str]],
    durable: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ref = await start(here, provider, started)
    results = await asyncio.gather(run(durable, ref), run(durable, ref))
    assert [each.status for each in results] == [InvocationStatus.SUCCEEDED] * 2
    assert job_agents.ran == [0, 1, 2, 3]
    assert text_of(await here.shown(ref.thread_id)).count("counted to 4") == 1
