"""Stopping a turn, and sending a message into a thread where one runs."""

from __future__ import annotations

import asyncio
import gc
import time
from datetime import timedelta
from typing import cast

import pytest

from assistant import clock, turns
from assistant.budgets import EARLY_CANCEL_SECONDS
from assistant.collection import SHORT_STEPS
from assistant.errors import ProcessBusyError, TurnRunningError
from assistant.quotas import usage
from assistant.threads.store import ThreadStore
from assistant.turns import TurnHandle, lease, stop
from assistant.upkeep import privacy
from tests.integration.turns.conftest import STALLING, ProcessMaker, ask_the_page, begin_stalled
from tests.support import turn_agents
from tests.support.provider_server import Answer, HttpError, ProviderServer, Stall, Text, ToolCall
from tests.support.turns import (
    Client,
    Process,
    addition,
    creation,
    eventually,
    follow,
    said_by_user,
    text_of,
    tool_output,
    until,
)

pytestmark = pytest.mark.anyio


async def test_a_stop_in_the_same_process_ends_the_turn_within_a_second_and_keeps_what_was_said(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(STALLING)
    here = process()
    handle = await here.start(creation("hello"))
    client = Client()
    events = handle.events()
    await until(events, client, "three")
    began = time.monotonic()
    assert await here.cancel(handle.thread_id)
    assert time.monotonic() - began < 1
    async for event in events:
        client.take(event)
    assert client.error is None
    assert client.items == {item.id: item for item in await here.shown(handle.thread_id)}
    assert text_of(await here.stored(handle.thread_id)).strip() == "one two three"
    assert await asyncio.to_thread(provider.requests[0].abandoned.wait, 5), "the model's stream is cancelled"


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_message_right_after_a_stop_in_another_process_does_not_make_it_an_interruption(
    process: ProcessMaker, provider: ProviderServer, elsewhere: bool
) -> None:
    here, there = process(), process()
    handle = await begin_stalled(here, provider)
    assert await there.cancel(handle.thread_id)
    provider.script(Answer(Text("It is the second.")))
    await follow(await (there if elsewhere else here).start(addition(handle.thread_id, "another")))
    assert (await here.story(handle.thread_id, handle.turn_id))["outcome"] == "stopped"


@pytest.mark.parametrize("api", ["chat_completions", "responses"])
async def test_a_stopped_answer_is_counted_by_what_was_read_and_written(
    process: ProcessMaker, provider: ProviderServer, api: str
) -> None:
    provider.script(Answer(ToolCall("look_up", {"what": "it"})), STALLING)
    here = process(api, thread_titles=False)
    handle = await here.start(creation("hello " * 400))
    await until(handle.events(), Client(), "three")
    counted = dict(await usage(here.context()))
    assert await here.cancel(handle.thread_id)
    story = await here.story(handle.thread_id, handle.turn_id)
    assert (story["model_calls"], story["model"]) == (2, "gpt-6-luna")
    whole_call = 600
    assert story["input_tokens"] > whole_call, "the second call has read the message too"
    assert story["output_tokens"] >= len("one two three") // 4
    now_counted = await usage(here.context())
    assert now_counted["tokens"] == counted["tokens"] + story["input_tokens"] + story["output_tokens"]


async def test_a_turn_whose_thread_is_deleted_is_counted_and_one_of_an_erased_user_leaves_nothing(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process(thread_titles=False)
    deleted = await begin_stalled(here, provider)
    await ThreadStore(here.resources).delete_thread(deleted.thread_id, here.context())
    await deleted.wait()
    assert cast(int, (await usage(here.context()))["tokens"]) > 0
    erased = await begin_stalled(here, provider)
    await privacy.erase(here.resources, await privacy.request_erasure(here.resources, here.caller))
    await erased.wait()
    counted = await usage(here.context())
    assert (counted["turns"], counted["tokens"]) == (0, 0)


async def test_a_turn_names_who_has_answered_also_where_that_was_the_fallback(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(*[HttpError(500)] * 3)
    here = process(llm_fallback="demo")
    handle = await here.start(creation("hello"))
    await handle.wait()
    story = await here.story(handle.thread_id, handle.turn_id)
    assert (story["outcome"], story["provider"], story["model"]) == ("done", "demo", "demo")


async def test_a_stop_from_another_process_ends_the_turn_within_two_seconds(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here, there = process(), process()
    handle = await begin_stalled(here, provider)
    began = time.monotonic()
    assert await there.cancel(handle.thread_id)
    await handle.wait()
    assert time.monotonic() - began < 2
    assert (await here.turn_row(handle.thread_id))["state"] == "stopped"
    assert not await there.cancel(handle.thread_id)


async def test_the_next_turn_knows_that_the_last_one_was_stopped(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    handle = await begin_stalled(here, provider)
    await here.cancel(handle.thread_id)
    await here.say(handle.thread_id, "and now?")
    messages = provider.bodies[-1]["messages"]
    assert [each["role"] for each in messages] == ["system", "user", "assistant", "user"]
    assert messages[2]["content"].strip() == "one two three"
    assert "stopped this answer" in str(messages[3]["content"])


async def test_a_stop_cancels_a_running_tool_and_leaves_its_call_out_of_the_history(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    handle = await _begin_call(here, provider, "wait_long")
    assert await here.cancel(handle.thread_id)
    assert turn_agents.calls["wait_long cancelled"] == 1
    await here.say(handle.thread_id, "and now?")
    assert not any(each.get("tool_calls") or each["role"] == "tool" for each in provider.bodies[-1]["messages"])


async def test_a_tool_that_does_not_let_go_cannot_hold_a_stop_up(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    handle = await _begin_call(here, provider, "never_lets_go")
    began = time.monotonic()
    assert await here.cancel(handle.thread_id)
    assert time.monotonic() - began < 1.5
    await here.say(handle.thread_id, "and now?")
    stored = [item.type for item in await here.stored(handle.thread_id)]
    assert stored == ["user_message", "sdk_hidden_context", "user_message", "assistant_message"]


async def test_what_a_tool_has_done_is_known_after_a_stop_before_the_model_answered(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(ToolCall("look_up", {"what": "it"})), Answer(Stall(30)))
    here = process()
    handle = await here.start(creation("hello"))
    await eventually(lambda: _requested(provider, 2), "the model is asked what it makes of the tool's answer")
    await here.cancel(handle.thread_id)
    await here.say(handle.thread_id, "and now?")
    assert "found it" in [each["content"] for each in provider.bodies[-1]["messages"] if each["role"] == "tool"]


async def test_a_stop_without_a_turn_says_so(process: ProcessMaker) -> None:
    here = process()
    thread_id = await here.create("hello")
    assert not await here.cancel(thread_id)
    assert not await here.cancel("thr_unknown")


async def test_another_message_ends_the_running_turn_and_is_answered(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    for there in (None, process()):
        provider.reset()
        provider.script(STALLING)
        here = process()
        handle = await here.start(creation("hello"))
        following = asyncio.create_task(follow(handle))
        await asyncio.to_thread(provider.stalled.wait, 10)
        await asyncio.sleep(0.1)
        client = await (there or here).say(handle.thread_id, "something else")
        assert "something else" in client.text
        assert "notice" in (await following).types
        items = await here.stored(handle.thread_id)
        assert said_by_user(items) == ["hello", "something else"]
        assert "one two three" in text_of(items)
        assert "A later request ended this answer" in str(provider.bodies[-1]["messages"])


async def test_a_deployment_that_rejects_answers_409_and_says_when_to_come_back(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(Text("one two three four five"), pause=0.1))
    here = process(on_busy="reject")
    handle = await here.start(creation("hello"))
    with pytest.raises(TurnRunningError) as refused:
        await here.start(addition(handle.thread_id, "something else"))
    assert (refused.value.status, refused.value.retry_after) == (409, 2.0)
    client = await follow(handle)
    assert client.text == "one two three four five"
    assert said_by_user(await here.stored(handle.thread_id)) == ["hello"]


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("named", [{"idempotency_key": "k1"}, {"frame_id": "frame_1"}])
async def test_a_turn_stops_by_its_key_or_frame_before_its_thread_is_known(
    process: ProcessMaker, provider: ProviderServer, named: dict[str, str], elsewhere: bool
) -> None:
    provider.script(STALLING)
    here = process()
    there = process() if elsewhere else here
    # The cancel arrives before the claim.
    cancelled = asyncio.create_task(turns.cancel(there.context(), **named))
    await asyncio.sleep(0.1)
    handle = await here.start(creation("hello"), key=named.get("idempotency_key"))
    client = await follow(handle)
    assert await cancelled
    assert client.error is None
    assert (await here.story(handle.thread_id, handle.turn_id))["outcome"] == "stopped"
    assert not await turns.cancel(there.context(), **named)


async def test_a_key_that_no_request_has_used_stops_nothing(
    process: ProcessMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop, "CLAIM_WAIT_SECONDS", 0.1)
    assert not await turns.cancel(process().context(), idempotency_key="unknown")


async def test_a_stop_that_comes_long_before_the_claim_stops_the_turn_without_a_call_of_the_model(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop, "CLAIM_WAIT_SECONDS", 0.0)
    here, there = process(), process()
    for _ in range(2):
        assert not await turns.cancel(there.context(), idempotency_key="k1")
    handle = await here.start(creation("hello"), key="k1")
    client = await follow(handle)
    assert client.error is None
    assert (await here.story(handle.thread_id, handle.turn_id))["outcome"] == "stopped"
    assert said_by_user(await here.stored(handle.thread_id)) == ["hello"]
    assert provider.requests == []
    assert not await turns.cancel(there.context(), idempotency_key="k1")
    assert (await there.run(creation("hello"), key="k1")).items.keys() == client.items.keys(), "a resend joins"


async def test_a_stop_in_a_busy_thread_is_remembered_too(process: ProcessMaker, provider: ProviderServer) -> None:
    here, there = process(), process()
    handle = await begin_stalled(here, provider)
    cancelled = asyncio.create_task(turns.cancel(there.context(), idempotency_key="k1"))
    await asyncio.sleep(0.1)
    second = await there.start(addition(handle.thread_id, "and now?"), key="k1")
    await second.wait()
    assert await cancelled
    assert (await here.story(handle.thread_id, second.turn_id))["outcome"] == "stopped"
    assert len(provider.requests) == 1


async def test_a_stop_whose_claim_never_came_stops_no_later_turn(
    process: ProcessMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop, "CLAIM_WAIT_SECONDS", 0.0)
    here = process()
    assert not await turns.cancel(here.context(), idempotency_key="k1")
    assert not await turns.cancel(here.context(), frame_id="frame_1")
    assert (await here.run(creation("another key"), key="k2", frame="frame_1")).text
    later = clock.now() + timedelta(seconds=EARLY_CANCEL_SECONDS + 2)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await here.run(creation("hello"), key="k1")).text


async def test_a_process_takes_no_more_turns_than_its_setting_allows(process: ProcessMaker) -> None:
    here = process(api=None, max_turns_per_process=2)
    words = [creation(f"!slow {number}") for number in (30, 31, 32)]
    handles = await asyncio.gather(*map(here.start, words), return_exceptions=True)
    refused = [each for each in handles if isinstance(each, BaseException)]
    assert len(refused) == 1
    assert isinstance(refused[0], ProcessBusyError)
    assert (refused[0].status, refused[0].retry_after) == (503, 2.0)
    await here.close()
    assert (await here.run(creation("and now?"))).error is None


async def test_a_process_with_several_turns_collects_garbage_in_short_steps(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    before = gc.get_threshold()
    gc.set_threshold(20_000, 10, 10)
    try:
        await here.create("alone")
        assert gc.get_threshold() != SHORT_STEPS
        provider.script(Answer(Text("one two"), Stall(0.5)), Answer(Text("one two"), Stall(0.5)))
        handles = await asyncio.gather(*(here.start(creation(text)) for text in ("left", "right")))
        assert gc.get_threshold() == SHORT_STEPS
        await asyncio.gather(*(handle.wait() for handle in handles))
    finally:
        gc.set_threshold(*before)


async def test_the_same_key_joins_although_the_thread_is_busy(process: ProcessMaker, provider: ProviderServer) -> None:
    here = process(on_busy="reject")
    thread_id = await here.create("hello")
    provider.script(Answer(Text("one two three four five"), pause=0.1))
    first = await here.start(addition(thread_id, "more"), key="k1")
    assert (await here.start(addition(thread_id, "more"), key="k1")).turn_id == first.turn_id
    await first.wait()


async def test_a_process_that_does_not_answer_loses_its_turn_and_can_store_nothing_more(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop, "CANCEL_PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(lease, "FLAG_POLL_SECONDS", 60)
    monkeypatch.setattr(lease, "CHECKPOINT_SECONDS", 60)
    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 60)
    provider.script(Answer(Text("one two three"), Stall(4), Text("four")))
    here, there = process(), process()
    handle = await here.start(creation("hello"))
    await until(handle.events(), Client(), "three")
    await there.say(handle.thread_id, "something else")
    late = await follow(handle)
    assert late.types[-1] == "notice"
    items = await here.stored(handle.thread_id)
    assert said_by_user(items) == ["hello", "something else"]
    assert "four" not in text_of(items)


async def test_two_different_messages_at_once_are_both_in_the_thread_once(process: ProcessMaker) -> None:
    here, there = process(), process()
    thread_id = await here.create("hello")
    handles = await asyncio.gather(here.start(addition(thread_id, "left")), there.start(addition(thread_id, "right")))
    await asyncio.gather(*(handle.wait() for handle in handles))
    items = await here.stored(thread_id)
    assert sorted(said_by_user(items)[1:]) == ["left", "right"]
    assert said_by_user(items)[-1] in text_of(items).split("\n")[-1]


async def test_a_stop_while_the_client_is_asked_leaves_nothing_pending(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id = await ask_the_page(here, provider)
    provider.script(STALLING)
    handle = await here.start(tool_output(thread_id, {"width": 800}))
    await until(handle.events(), Client(), "three")
    await here.cancel(thread_id)
    call = await here.pending_call(thread_id)
    assert (call.status, call.output) == ("completed", {"width": 800})


async def test_shutting_the_process_down_stores_what_its_turns_have_said(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    handle = await begin_stalled(here, provider)
    await here.close()
    items = await process().shown(handle.thread_id)
    assert text_of(items).strip() == "one two three"
    assert items[-1].type == "task", "the user sees that it is incomplete"


async def test_a_cancelled_turn_task_still_stores_what_was_said(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    handle = await begin_stalled(here, provider)
    for task in asyncio.all_tasks():
        if task.get_name() == f"turn {handle.turn_id}":
            task.cancel()
    await handle.wait()
    assert text_of(await here.shown(handle.thread_id)).strip() == "one two three"


async def _begin_call(here: Process, provider: ProviderServer, tool: str) -> TurnHandle:
    """Start a turn, and return it when the tool that its model calls is running."""

    async def called() -> bool:
        return turn_agents.calls[tool] > 0

    provider.script(Answer(ToolCall(tool)))
    handle = await here.start(creation("hello"))
    await eventually(called, "the tool is called")
    return handle


async def _requested(provider: ProviderServer, count: int) -> bool:
    return len(provider.requests) >= count


async def test_a_stop_finds_a_turn_that_is_starting_in_the_same_process(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(Text("hello")), Answer(Stall(30)))
    here = process()
    thread_id = await here.create("hello")
    starting = asyncio.create_task(here.start(addition(thread_id, "again")))
    await asyncio.sleep(0)
    assert await here.cancel(thread_id)
    client = await follow(await starting)
    assert client.text == ""
    assert (await here.turn_row(thread_id))["state"] == "stopped"
    assert said_by_user(await here.stored(thread_id)) == ["hello", "again"]
