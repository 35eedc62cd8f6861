"""Jobs: a tool starts one, it survives its processes, and its end comes into the thread whatever runs there."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from types import ModuleType

import pytest
from chatkit.types import WidgetItem

from assistant import clock, forks, jobs, operations
from assistant.errors import NotFoundError
from assistant.identity import Caller
from assistant.jobs import rows, starting
from assistant.quotas import paid
from assistant.threads.store import ThreadStore
from assistant.upkeep import sweep
from local.settings import ROOT
from tests.integration.turns.conftest import ProcessMaker
from tests.support import job_agents
from tests.support.aws import Aws
from tests.support.provider_server import Answer, ProviderServer, Stall, Text, ToolCall
from tests.support.rows import keys_of
from tests.support.running_jobs import card_of, counted, row_of, start, working
from tests.support.turns import Client, Process, addition, retry, text_of, until

pytestmark = pytest.mark.anyio


async def test_a_job_shows_its_progress_and_its_end_is_an_item(
    here: Process, provider: ProviderServer, started: list[dict[str, str]]
) -> None:
    ref = await start(here, provider, started)
    assert card_of(await here.shown(ref.thread_id)).widget.key == "job.running"
    assert await working(here, ref.thread_id) == "yes"
    seen: set[str] = set()

    async def look() -> None:
        await asyncio.sleep(0.1)
        seen.add(card_of(await here.shown(ref.thread_id)).widget.model_dump_json())

    job_agents.between.append(look)
    assert await jobs.run_job(here.resources, ref)
    shown = await here.shown(ref.thread_id)
    assert text_of(shown).endswith("counted to 4")
    assert any("2 / 4 (50%)" in each for each in seen)
    card = card_of(shown)
    assert card.widget.key == "job.ended"
    assert "onClickAction" not in card.widget.model_dump_json()
    assert await working(here, ref.thread_id) is None
    assert (await row_of(here, ref))["state"] == "done"
    assert [sk for pk, sk in keys_of(here.resources, ref.thread_id) if f"#{jobs.JOB_KIND}#" in sk] == []
    assert await jobs.run_job(here.resources, ref), "a second event finds nothing to do"
    assert text_of(await here.shown(ref.thread_id)).count("counted to 4") == 1


async def test_the_end_of_an_invocation_pauses_at_a_checkpoint_and_another_goes_on(
    here: Process, provider: ProviderServer, started: list[dict[str, str]]
) -> None:
    ref = await start(here, provider, started)
    assert not await jobs.run_job(here.resources, ref, time_is_up=lambda: len(job_agents.ran) >= 2)
    assert job_agents.ran == [0, 1]
    assert await jobs.run_job(here.resources, ref)
    assert job_agents.ran == [0, 1, 2, 3]


async def test_a_killed_job_is_noticed_by_the_sweep_and_given_up_after_three_attempts(
    here: Process, provider: ProviderServer, started: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = await start(here, provider, started)
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)

    async def die() -> None:
        raise asyncio.CancelledError

    job_agents.between.append(die)
    for attempt in range(rows.MAX_ATTEMPTS):
        with pytest.raises(asyncio.CancelledError):
            await jobs.run_job(here.resources, ref)
        assert await jobs.run_job(here.resources, ref), "its lease still runs"
        assert (await row_of(here, ref))["attempts"] == attempt + 1
        moment += rows.LEASE + timedelta(minutes=5)
        before = len(started)
        await sweep(here.resources)
        assert started[before:].count(ref.event()) == 1
    assert await jobs.run_job(here.resources, ref)
    assert "has failed" in text_of(await here.shown(ref.thread_id))
    assert (await row_of(here, ref))["state"] == "failed"


async def test_a_job_of_hours_is_no_work_that_is_late(
    process: ProcessMaker,
    fresh_table_and_bucket: Aws,
    provider: ProviderServer,
    started: list[dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = process(
        agent_factory=job_agents.FACTORY,
        job_function="job",
        table_name=fresh_table_and_bucket.table_name,
        bucket_name=fresh_table_and_bucket.bucket_name,
    )
    ref = await start(here, provider, started)
    later = clock.now() + timedelta(hours=3)
    monkeypatch.setattr(clock, "now", lambda: later)
    swept = await sweep(here.resources)
    assert (swept.postponed, swept.failed, started[1:]) == (1, 0, [ref.event()])
    # An alarm tells the operator of other work that has been due for an hour.
    assert swept.oldest_seconds == 0


@pytest.mark.parametrize("alive", [True, False])
async def test_a_cancel_ends_a_job(
    here: Process, provider: ProviderServer, started: list[dict[str, str]], alive: bool
) -> None:
    ref = await start(here, provider, started, "endless")
    run = asyncio.create_task(jobs.run_job(here.resources, ref)) if alive else None
    if alive:
        await counted(3)
    row = await jobs.cancel_job(ref.thread_id, ref.job_id, here.context())
    assert row["state"] == "cancelled"
    if run is not None:
        assert await run
    count = len(job_agents.ran)
    assert await jobs.run_job(here.resources, ref)
    assert len(job_agents.ran) == count, "nothing runs any more"
    shown = await here.shown(ref.thread_id)
    assert "was cancelled" in text_of(shown)
    assert card_of(shown).widget.key == "job.ended"


async def test_a_cancel_that_comes_while_the_end_waits_for_a_turn_holds(
    here: Process, provider: ProviderServer, started: list[dict[str, str]]
) -> None:
    ref = await start(here, provider, started)
    provider.script(Answer(Text("one two three"), Stall(30)))
    handle = await here.start(addition(ref.thread_id, "meanwhile"))
    await until(handle.events(), Client(), "three")
    run = asyncio.create_task(jobs.run_job(here.resources, ref))
    await counted(job_agents.STEPS)
    await asyncio.sleep(0.2)
    assert (await jobs.cancel_job(ref.thread_id, ref.job_id, here.context()))["state"] == "cancelled"
    await here.cancel(ref.thread_id)
    assert await run
    shown = await here.shown(ref.thread_id)
    assert "counted to 4" not in text_of(shown)
    assert text_of(shown).endswith("was cancelled after its work was done. There is no result.")
    assert (await row_of(here, ref))["state"] == "cancelled"


async def test_the_button_on_the_card_cancels(
    here: Process, provider: ProviderServer, started: list[dict[str, str]]
) -> None:
    from chatkit.actions import Action
    from chatkit.types import ThreadCustomActionParams, ThreadsSyncCustomActionReq

    ref = await start(here, provider, started)
    card = card_of(await here.shown(ref.thread_id))
    action = Action[str, dict[str, str]](type=jobs.CANCEL_JOB, payload={"job_id": ref.job_id})
    params = ThreadCustomActionParams(thread_id=ref.thread_id, item_id=card.id, action=action)
    answer = await operations.perform(ThreadsSyncCustomActionReq(params=params), here.context())
    assert b"Cancelled" in answer
    assert (await row_of(here, ref))["state"] == "cancelled"


@pytest.mark.parametrize(("name", "words"), [("broken", "has failed"), ("refused", "There is nothing to count.")])
async def test_a_job_that_fails_says_so_and_tells_no_secret(
    here: Process, provider: ProviderServer, started: list[dict[str, str]], name: str, words: str
) -> None:
    ref = await start(here, provider, started, name)
    assert await jobs.run_job(here.resources, ref)
    text = text_of(await here.shown(ref.thread_id))
    assert words in text
    assert "secret" not in text


async def test_a_job_that_ends_while_a_turn_runs_waits_for_it_and_no_retry_removes_its_result(
    here: Process, provider: ProviderServer, started: list[dict[str, str]]
) -> None:
    ref = await start(here, provider, started)
    provider.script(Answer(Text("meanwhile")))
    await here.run(addition(ref.thread_id, "a second question"))
    message = [item for item in await here.shown(ref.thread_id) if item.type == "user_message"][-1]
    provider.script(Answer(Text("one two three"), Stall(30)))
    handle = await here.start(retry(ref.thread_id, message.id))
    await until(handle.events(), Client(), "three")
    run = asyncio.create_task(jobs.run_job(here.resources, ref))
    await counted(job_agents.STEPS)
    await asyncio.sleep(0.2)
    assert "counted to 4" not in text_of(await here.shown(ref.thread_id)), "the turn still runs"
    await here.cancel(ref.thread_id)
    assert await run
    assert text_of(await here.shown(ref.thread_id)).endswith("counted to 4")
    provider.script(Answer(Text("and so on")))
    await here.run(addition(ref.thread_id, "go on"))
    assert "counted to 4" in str(provider.bodies[-1]["messages"])


@pytest.mark.parametrize("state", ["queued", "running", "about to end"])
async def test_a_job_whose_card_a_retry_removes_is_cancelled_and_leaves_no_item(
    here: Process, provider: ProviderServer, started: list[dict[str, str]], state: str
) -> None:
    ref = await start(here, provider, started, "steps" if state == "about to end" else "endless")
    message = await here.user_message(ref.thread_id)

    async def ask_again() -> None:
        job_agents.between.clear()
        provider.script(Answer(Text("another answer")))
        await here.run(retry(ref.thread_id, message.id))

    if state == "running":
        run = asyncio.create_task(jobs.run_job(here.resources, ref))
        await counted(3)
        await ask_again()
        assert await run
    else:
        if state == "queued":
            await ask_again()
        else:
            job_agents.between.append(ask_again)
        assert await jobs.run_job(here.resources, ref)
    assert (await row_of(here, ref))["state"] == "cancelled"
    shown = await here.shown(ref.thread_id)
    assert [item.type for item in shown] == ["user_message", "assistant_message"]
    assert text_of(shown).endswith("another answer")
    assert await working(here, ref.thread_id) is None
    assert [sk for pk, sk in keys_of(here.resources, ref.thread_id) if f"#{jobs.JOB_KIND}#" in sk] == []
    if state == "queued":
        assert job_agents.ran == []


async def test_a_job_whose_thread_is_deleted_ends_without_a_trace(
    here: Process, provider: ProviderServer, started: list[dict[str, str]]
) -> None:
    ref = await start(here, provider, started)

    async def delete() -> None:
        if len(job_agents.ran) == 2:
            await ThreadStore(here.resources).delete_thread(ref.thread_id, here.context())

    job_agents.between.append(delete)
    assert await jobs.run_job(here.resources, ref)
    assert job_agents.ran == [0, 1]
    assert await starting.sweep_job(here.resources, ref.event())
    await sweep(here.resources)
    assert [key for key in keys_of(here.resources, ref.thread_id) if key[0].startswith("THREAD#")] == []


async def test_nobody_else_cancels_and_a_fork_has_no_job(
    here: Process, provider: ProviderServer, started: list[dict[str, str]]
) -> None:
    ref = await start(here, provider, started)
    context = here.context()
    for caller in (Caller("acme", "eve"), Caller("globex", here.caller.user_id)):
        context.caller = caller
        with pytest.raises(NotFoundError):
            await jobs.cancel_job(ref.thread_id, ref.job_id, context)
    assert (await row_of(here, ref))["state"] == "queued"
    newest = (await here.shown(ref.thread_id))[-1]
    made = await forks.fork_thread(ref.thread_id, newest.id, here.context())
    assert await working(here, made.thread_id) is None
    assert not any(isinstance(item, WidgetItem) for item in await here.shown(made.thread_id))


async def test_a_day_has_a_number_of_jobs_and_without_the_function_there_are_none(
    process: ProcessMaker,
    here: Process,
    provider: ProviderServer,
    started: list[dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paid, "MAX_JOBS_PER_DAY", 1)
    ref = await start(here, provider, started)
    provider.script(Answer(ToolCall("count", {"name": "steps"})), Answer(Text("Not today.")))
    await here.run(addition(ref.thread_id, "again"))
    assert len(started) == 1
    assert "quota_exceeded" in str(provider.bodies[-1]["messages"])
    without = process(agent_factory=job_agents.FACTORY)
    provider.script(Answer(ToolCall("count", {"name": "steps"})), Answer(Text("I cannot.")))
    await without.create("count, please")
    assert len(started) == 1
    assert "unsupported_feature" in str(provider.bodies[-1]["messages"])


async def test_the_page_s_example_runs(
    process: ProcessMaker,
    provider: ProviderServer,
    started: list[dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")
    example = ModuleType("example_of_jobs")
    exec(text.partition("```python\n")[2].partition("```")[0], vars(example))  # noqa: S102 - our own page
    monkeypatch.setitem(sys.modules, example.__name__, example)
    here = process(agent_factory=f"{example.__name__}:build_agent", job_function="job")
    provider.script(Answer(ToolCall("import_all_orders", {"pages": 3})), Answer(Text("It has begun.")))
    thread_id = await here.create("import all, please")
    assert await jobs.run_job(here.resources, jobs.ref_of(started[-1]))
    assert text_of(await here.shown(thread_id)).endswith("All 3 pages are imported.")
