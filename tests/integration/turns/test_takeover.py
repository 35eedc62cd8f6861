"""Two processes and one turn: what the loser's client sees, what is stored, and the order of a thread."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from chatkit.types import (
    CustomTask,
    TaskItem,
    ThreadItem,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
)

from assistant import clock, ids, turns
from assistant.budgets import LEASE_SECONDS, MAX_CLOCK_DIFFERENCE_SECONDS, RENEWAL_SECONDS
from assistant.errors import StoreUnavailableError
from assistant.threads.store import ThreadStore
from assistant.threads.turn_record import TurnRecord, load_record
from assistant.turns import service
from assistant.turns.claim import claim
from assistant.turns.lease import take_over
from assistant.turns.runner import TurnRun
from assistant.upkeep import sweep
from tests.integration.turns.conftest import ProcessMaker, begin_stalled
from tests.support.provider_server import Answer, ProviderServer, Stall, Text
from tests.support.turns import Client, Process, addition, creation, eventually, follow, retry, said_by_user, until

pytestmark = pytest.mark.anyio


async def record_of(process: Process, thread_id: str) -> TurnRecord:
    record = load_record(await process.turn_row(thread_id))
    assert record is not None
    return record


async def checkpointed(process: Process, thread_id: str) -> TurnRecord:
    """Return the record of the thread's turn once it holds a partial answer."""

    async def partial() -> TurnRecord | None:
        record = await record_of(process, thread_id)
        return record if record.partial else None

    found: TurnRecord = await eventually(partial, "the partial answer is stored")
    return found


async def shown_equals_stored(client: Client, process: Process, thread_id: str) -> None:
    """Check that the client shows the items of the table, in their order."""
    stored = await process.shown(thread_id)
    assert list(client.items.values()) == stored


@pytest.mark.parametrize("outcome", ["lost", "interrupted"])
async def test_the_client_of_a_turn_that_another_process_has_ended_sees_what_is_stored(
    process: ProcessMaker, provider: ProviderServer, outcome: Any
) -> None:
    here, there = process(), process()
    handle = await begin_stalled(here, provider)
    client = asyncio.create_task(follow(handle))
    record = await checkpointed(there, handle.thread_id)
    assert await take_over(there.context(), handle.thread_id, record, outcome)
    await shown_equals_stored(await client, there, handle.thread_id)
    assert [item.type for item in (await client).items.values()].count("assistant_message") == 1


async def test_a_turn_does_not_take_the_equal_end_of_another_process_for_its_own(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here, there = process(), process()
    provider.script(Answer(Text("one two three"), Stall(30)))
    handle = await here.start(creation("hello"))
    client = asyncio.create_task(follow(handle))
    record = await checkpointed(there, handle.thread_id)
    # The turn's own process ends the turn as `lost` too, before it has read that another process did.
    assert await take_over(there.context(), handle.thread_id, record)
    await turns.close(here.resources)
    await shown_equals_stored(await client, there, handle.thread_id)
    marks = [item for item in await there.shown(handle.thread_id) if item.type == "task"]
    assert len(marks) == 1


@pytest.mark.parametrize("outcome", ["lost", "interrupted"])
async def test_a_takeover_fails_if_the_turn_has_renewed_its_lease_since_it_was_read(
    process: ProcessMaker, provider: ProviderServer, outcome: Any
) -> None:
    here, there = process(), process()
    handle = await begin_stalled(here, provider)
    old = await checkpointed(there, handle.thread_id)

    async def renewed() -> bool:
        return (await record_of(there, handle.thread_id)).lease != old.lease

    await eventually(renewed, "the lease is renewed")
    assert not await take_over(there.context(), handle.thread_id, old, outcome)
    assert (await record_of(there, handle.thread_id)).running


async def test_a_message_that_was_planned_before_another_turn_gets_a_place_after_it(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold, warm = process(), process()
    provider.script(Answer(Text("zero")))
    thread_id = await cold.create("first")
    planned, may_claim = asyncio.Event(), asyncio.Event()

    async def late(plan: Any, key: Any, context: Any) -> Any:
        if context.resources is cold.resources:
            planned.set()
            await may_claim.wait()
        return await claim(plan, key, context)

    monkeypatch.setattr(service, "claim", late)
    one = asyncio.create_task(cold.start(addition(thread_id, "one"), key="k"))
    await planned.wait()
    provider.script(Answer(Text("answer two")), Answer(Text("answer one")))
    await warm.say(thread_id, "two")
    may_claim.set()
    first = await follow(await one)
    await (await one).wait()
    items = await warm.stored(thread_id)
    assert said_by_user(items) == ["first", "two", "one"]
    assert [item.type for item in items] == ["user_message", "assistant_message"] * 3
    # The same keyed request, sent again, gets its own turn's items only.
    again = await warm.run(addition(thread_id, "one"), key="k")
    assert said_by_user(list(again.items.values())) == ["one"]
    assert list(again.items) == list(first.items)


async def test_the_order_of_a_thread_does_not_depend_on_the_clocks(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.script(*[Answer(Text("yes"))] * 3)
    here = process()
    real = time.time_ns
    # A process whose clock is 30 s fast, then another one whose clock is right.
    monkeypatch.setattr(time, "time_ns", lambda: real() + 30_000_000_000)
    thread_id = await here.create("first")
    monkeypatch.setattr(time, "time_ns", real)
    monkeypatch.setattr(ids, "_last_tick", 0)
    await here.say(thread_id, "second")
    monkeypatch.setattr(ids, "_last_tick", 0)
    await process().say(thread_id, "third")
    assert said_by_user(await here.stored(thread_id)) == ["first", "second", "third"]


async def test_a_retry_that_the_user_stops_leaves_both_answers_and_the_client_shows_them(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    provider.script(Answer(Text("the old answer")))
    thread_id = await here.create("hello")
    message = await here.user_message(thread_id)
    provider.script(Answer(Text("one two three"), Stall(30)))
    handle = await here.start(retry(thread_id, message.id))
    client = Client(items={message.id: message})
    await until(handle.events(), client, "three")
    assert await here.cancel(thread_id)
    client = await follow(handle, [message])
    await shown_equals_stored(client, here, thread_id)
    shown = await here.shown(thread_id)
    assert [item.type for item in shown] == ["user_message", "assistant_message", "assistant_message", "task"]
    assert "stopped" in str(shown[-1])


async def test_the_sweep_removes_the_rest_of_a_long_old_answer(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = process()
    provider.script(Answer(Text("the old answer")))
    thread_id = await here.create("hello")
    store = ThreadStore(here.resources)
    for number in range(150):
        await store.add_thread_item(thread_id, _task(thread_id, f"step {number}"), here.context())
    message = await here.user_message(thread_id)
    provider.script(Answer(Text("the new answer")))
    transact, ended = here.resources.table.transact, False

    async def fails_after_the_end(writes: Any) -> None:
        nonlocal ended
        if ended:
            raise StoreUnavailableError
        await transact(writes)
        ended = any(write.key.sk.startswith("B#") for write in writes)

    with monkeypatch.context() as broken:
        broken.setattr(here.resources.table, "transact", fails_after_the_end)
        assert (await here.run(retry(thread_id, message.id))).error is None
    assert len(await here.stored(thread_id)) > 2, "the process has left a part of the old answer"
    await sweep(here.resources)
    assert [item.type for item in await here.stored(thread_id)] == ["user_message", "assistant_message"]


async def test_clocks_that_differ_within_their_bound_end_no_living_turn(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = process(), process()
    handle = await begin_stalled(here, provider)
    record = await checkpointed(there, handle.thread_id)
    written = record.lease - LEASE_SECONDS
    # The latest renewal is due now, and the reader's clock is as fast as allowed.
    reader = datetime.fromtimestamp(written + RENEWAL_SECONDS + MAX_CLOCK_DIFFERENCE_SECONDS, UTC)
    with monkeypatch.context() as fast:
        fast.setattr(clock, "now", lambda: reader)
        assert record.alive


async def test_a_follower_elsewhere_sees_replacements_and_removals(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = process(), process()
    handle = await begin_stalled(here, provider)
    run = here.resources.running[here.caller.thread(handle.thread_id)]
    assert isinstance(run, TurnRun)
    following = Client()
    joined = await there.start(creation("hello"))
    events = joined.events()
    extra = _task(handle.thread_id, "working 0 %"), _task(handle.thread_id, "to be removed")
    for item in extra:
        run._take(_done(item))

    async def told() -> bool:
        following.take(await anext(events))
        return all(item.id in following.items for item in extra)

    await eventually(told, "the follower knows both items")
    run._take(_replaced(extra[0], "finished 100 %"))
    run._take(_removed(extra[1]))
    await here.cancel(handle.thread_id)
    async for event in events:
        following.take(event)
    assert following.items == {item.id: item for item in await there.shown(handle.thread_id)}
    assert "finished 100 %" in str(following.items[extra[0].id])
    assert extra[1].id not in following.items


def _task(thread_id: str, title: str) -> ThreadItem:
    return TaskItem(id=ids.new_id("tsk"), thread_id=thread_id, created_at=clock.now(), task=CustomTask(title=title))


def _done(item: ThreadItem) -> Any:
    return ThreadItemDoneEvent(item=item)


def _replaced(item: ThreadItem, title: str) -> Any:
    assert isinstance(item, TaskItem)
    return ThreadItemReplacedEvent(item=item.model_copy(update={"task": CustomTask(title=title)}))


def _removed(item: ThreadItem) -> Any:
    return ThreadItemRemovedEvent(item_id=item.id)
