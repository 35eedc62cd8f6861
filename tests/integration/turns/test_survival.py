"""A client that leaves, a process that dies, time that runs out, and a model or a table that fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest
from chatkit.types import ThreadItem, ThreadItemDoneEvent, ThreadItemUpdatedEvent

from assistant.agent import turn_models
from assistant.aws import Row, keys
from assistant.operations import reads
from assistant.threads import rows, turn_record
from assistant.threads.turn_record import TurnRecord
from assistant.turns import lease, runner
from assistant.turns.journal import Journal
from assistant.turns.runner import TurnRun
from assistant.turns.storage import TurnSaver
from tests.integration.turns.conftest import STALLING, ProcessMaker, die, unreachable
from tests.support.provider_server import Answer, Cut, HttpError, NoAnswer, ProviderServer, Text, ToolCall
from tests.support.turns import (
    Client,
    Process,
    addition,
    creation,
    eventually,
    follow,
    retry,
    said_by_user,
    text_of,
    until,
)

pytestmark = pytest.mark.anyio


async def test_a_client_that_leaves_loses_nothing_and_sees_it_grow_after_a_reload(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    words = " ".join(f"word{number}" for number in range(50))
    provider.script(Answer(Text(words), pause=0.1))
    here, there = process(), process()
    handle = await here.start(creation("hello"))
    await until(handle.events(), Client(), "word3")
    lengths = []

    async def complete() -> bool:
        text = text_of(await there.shown(handle.thread_id))
        lengths.append(len(text.split()))
        return text == words

    await eventually(complete, "the reload shows the whole answer")
    assert len(set(lengths)) >= 3, "it was shown while it was being written"
    assert await _listed(there, handle.thread_id) == await there.shown(handle.thread_id)
    # The last checkpoint may already hold all of it; the end of the turn comes after that.
    await handle.wait()
    assert [item.type for item in await here.stored(handle.thread_id)] == ["user_message", "assistant_message"]


async def test_after_a_crash_the_partial_answer_is_there_and_both_know_that_it_is_incomplete(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_record, "LEASE_SECONDS", 3.0)
    provider.script(STALLING)
    dying, there = process(), process()
    handle = await dying.start(creation("hello"))
    await eventually(lambda: _checkpointed(there, handle.thread_id, "one two three"), "it is checkpointed", 3)
    die(dying, monkeypatch)
    for order in ("asc", "desc"):
        assert text_of(await _listed(there, handle.thread_id, order)).strip() == "one two three", "it is there at once"
    items = await eventually(lambda: _ended(there, handle.thread_id), "the turn counts as over")
    assert items == await _listed(there, handle.thread_id)
    assert text_of(items).strip() == "one two three"
    assert items[-1].type == "task"
    assert "incomplete" in items[-1].task.title
    client = await there.say(handle.thread_id, "and now?")
    assert client.error is None
    assert "cut off" in str(provider.bodies[-1]["messages"][3])
    assert "incomplete" not in str([each for each in provider.bodies[-1]["messages"] if each["role"] == "assistant"])
    assert said_by_user(await there.stored(handle.thread_id)) == ["hello", "and now?"]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_list_of_items_shows_what_is_being_written_and_ends_a_turn_whose_process_is_dead(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(turn_record, "LEASE_SECONDS", 3.0)
    provider.script(Answer(Text("the first answer")), STALLING)
    dying, there = process(), process()
    thread_id = await dying.create("before")
    await dying.start(addition(thread_id, "hello"))
    await eventually(lambda: _checkpointed(there, thread_id, "one two three"), "it is checkpointed", 3)
    assert await _listed(there, thread_id, order) == await there.shown(thread_id)
    die(dying, monkeypatch)

    async def marked() -> list[ThreadItem]:
        items = await _listed(there, thread_id, order)
        assert text_of(items).split("\n")[-1].strip() == "one two three"
        return items if items[-1].type == "task" else []

    items = await eventually(marked, "the turn counts as over")
    assert items == await there.shown(thread_id)


async def test_who_follows_a_turn_whose_process_dies_is_told_and_the_log_names_the_turn(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(turn_record, "LEASE_SECONDS", 3.0)
    provider.script(STALLING)
    dying, there = process(), process()
    handle = await dying.start(creation("hello"))
    joined = await there.start(creation("hello"))
    following = asyncio.create_task(follow(joined))
    await eventually(lambda: _checkpointed(there, handle.thread_id, "one two three"), "it is checkpointed")
    die(dying, monkeypatch)
    client = await following
    assert client.text.strip() == "one two three"
    assert client.error is not None
    assert client.error.allow_retry
    assert client.items == {item.id: item for item in await there.shown(handle.thread_id)}
    assert f"turn {handle.turn_id} in thread {handle.thread_id} was ended by another process: lost" in caplog.text


async def test_what_was_said_is_stored_two_seconds_later_at_the_latest(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.script(Answer(Text(" ".join(f"word{number}" for number in range(60))), pause=0.1))
    here, there = process(), process()
    waits: list[float] = []
    stored: list[tuple[int, int]] = []
    wait, checkpoint = lease.CheckpointLoop._is_sooner, TurnSaver.checkpoint

    async def until_its_time(loop: lease.CheckpointLoop, seconds: float) -> bool:
        """Note how old the oldest word that is not stored will be when the loop wakes, unless it is late already."""
        for run in cast(list[TurnRun], list(here.resources.running.values())):
            since = run._journal.unsaved_since
            if since is not None and seconds > 0:
                waits.append(time.monotonic() + seconds - since)
        return await wait(loop, seconds)

    async def and_look(saver: TurnSaver, journal: Journal) -> TurnRecord:
        """Note how many words had been said before a checkpoint, and how many another process sees after it."""
        said = len(text_of(journal.pending()).split())
        record = await checkpoint(saver, journal)
        stored.append((said, len(text_of(await there.shown(saver.thread_id)).split())))
        return record

    monkeypatch.setattr(lease.CheckpointLoop, "_is_sooner", until_its_time)
    monkeypatch.setattr(TurnSaver, "checkpoint", and_look)
    await here.run(creation("hello"))
    assert len(stored) >= 2
    assert [seen for said, seen in stored if seen < said] == []
    # Half a second more for a machine that halts this process between two lines; without checkpoints it is a second.
    assert 0 < max(waits) < 2.5


async def test_at_its_deadline_a_turn_ends_by_itself_and_can_be_retried(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(STALLING)
    here = process()
    began = time.monotonic()
    client = await here.run(creation("hello"), seconds=1.5)
    assert 1 < time.monotonic() - began < 4
    assert client.text.strip() == "one two three"
    assert client.types[-2:] == ["notice", "error"]
    assert client.error is not None
    assert client.error.allow_retry
    thread_id = next(iter(client.items.values())).thread_id
    assert client.items == {item.id: item for item in await here.shown(thread_id)}
    provider.script(Answer(Text("the whole answer")))
    message = await here.user_message(thread_id)
    await here.run(retry(thread_id, message.id))
    assert [item.type for item in await here.stored(thread_id)] == ["user_message", "assistant_message"]
    assert "Time ran out" not in str(provider.bodies[-1]["messages"])


async def test_a_model_that_never_answers_meets_the_deadline(process: ProcessMaker, provider: ProviderServer) -> None:
    provider.script(*[NoAnswer(30)] * 6)
    client = await process().run(creation("hello"), seconds=3.0)
    assert client.error is not None
    assert client.error.allow_retry
    assert client.text == ""


async def test_a_failure_before_the_first_word_is_invisible(process: ProcessMaker, provider: ProviderServer) -> None:
    provider.script(HttpError(500), HttpError(429), Answer(Text("at last")))
    client = await process().run(creation("hello"))
    assert client.text == "at last"
    assert client.error is None
    assert len(provider.requests) == 3


async def test_a_failure_in_the_middle_keeps_what_was_said_and_allows_a_retry(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(Text("one two three"), Cut()))
    here = process()
    client = await here.run(creation("hello"))
    assert client.text.strip() == "one two three"
    assert client.error is not None
    assert client.error.allow_retry
    assert client.types.count("error") == 1
    assert len(provider.requests) == 1
    thread_id = next(iter(client.items.values())).thread_id
    assert client.items == {item.id: item for item in await here.shown(thread_id)}
    await here.say(thread_id, "and now?")
    assert "error ended this answer" in str(provider.bodies[-1]["messages"]).lower()


@pytest.mark.parametrize(
    ("reply", "words", "again"),
    [
        (HttpError(401), "cannot use its model", False),
        (HttpError(404, code="model_not_found"), "This model is not available", False),
        (HttpError(400, code="content_filter"), "content filter", False),
        (HttpError(429), "busy", True),
        (HttpError(500), "not available at the moment", True),
    ],
)
async def test_each_kind_of_failure_has_its_own_message(
    process: ProcessMaker, provider: ProviderServer, reply: HttpError, words: str, again: bool
) -> None:
    provider.script(*[reply] * 3)
    client = await process().run(creation("hello"))
    assert client.error is not None
    assert words in str(client.error.message)
    assert "secret" not in str(client.error.message)
    assert client.error.allow_retry is again


async def test_who_joins_a_turn_that_failed_by_its_key_is_told_the_same(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(HttpError(401))
    first = await process().run(creation("hello"), key="k1")
    again = await process().run(creation("hello"), key="k1")
    assert first.error is not None
    assert again.error == first.error
    assert again.items == first.items


async def test_a_table_out_of_reach_in_the_middle_costs_nothing(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.script(Answer(Text(" ".join(f"word{number}" for number in range(30))), pause=0.1))
    here = process()
    handle = await here.start(creation("hello"))
    with monkeypatch.context() as broken:
        broken.setattr(here.resources.table, "_call", unreachable)
        await asyncio.sleep(2.5)
    client = await follow(handle)
    assert client.error is None
    assert client.items == {item.id: item for item in await here.shown(handle.thread_id)}


async def test_a_table_out_of_reach_at_the_end_is_an_error_and_the_thread_recovers(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_record, "LEASE_SECONDS", 3.0)
    monkeypatch.setattr(runner, "ENDING_ATTEMPTS", 1)
    provider.script(Answer(Text("one two three")))
    here, there = process(), process()
    handle = await here.start(creation("hello"))
    with monkeypatch.context() as broken:
        broken.setattr(here.resources.table, "_call", unreachable)
        client = await follow(handle)
    assert client.error is not None
    assert client.error.allow_retry
    await eventually(lambda: _ended(there, handle.thread_id), "the turn counts as over")
    provider.script(Answer(Text("one two three")))
    await there.run(retry(handle.thread_id, (await there.user_message(handle.thread_id)).id))
    assert text_of(await there.stored(handle.thread_id)) == "one two three"


async def test_an_error_that_nobody_expected_tells_the_client_nothing(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("sec" + "ret words")

    monkeypatch.setattr(turn_models, "build_model", broken)
    client = await process().run(creation("hello"))
    assert client.error is not None
    assert client.types.count("error") == 1
    assert "secret" not in str(client.events)
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


async def test_an_answer_too_large_to_be_stored_ends_the_turn_and_frees_the_thread(
    process: ProcessMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_ITEM_BYTES", 20_000)
    here = process(api=None)
    handle = await here.start(creation("!long 30"))
    client = await follow(handle)
    assert client.error is not None
    assert "may have" in str(client.error.message)
    assert said_by_user(await here.stored(handle.thread_id)) == ["!long 30"]
    assert (await here.say(handle.thread_id, "and now?")).error is None


async def _listed(process: Process, thread_id: str, order: str = "desc") -> list[ThreadItem]:
    """Return a thread's items as `items.list` shows them, page by page, the oldest first."""
    items: list[ThreadItem] = []
    after, more = None, True
    while more:
        page = await reads.list_items(thread_id, 2, after, order, process.context())
        items += page.data
        after, more = page.after, page.has_more
    return items if order == "asc" else items[::-1]


async def _checkpointed(process: Process, thread_id: str, text: str) -> bool:
    return text in text_of(await process.shown(thread_id))


async def _ended(process: Process, thread_id: str) -> list[ThreadItem]:
    items = await process.shown(thread_id)
    return items if (await process.turn_row(thread_id))["state"] != "running" else []


async def test_an_item_is_stored_before_a_client_sees_it_as_done(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    """The tool's result is stored before the model's next word too, so no later turn makes the call again."""
    provider.script(Answer(ToolCall("show_card", {"text": "a card"})), Answer(Text("one two three"), pause=0.3))
    here, there = process(), process()
    handle = await here.start(creation("show it"))
    seen: list[str] = []
    async for event in handle.events():
        if isinstance(event, ThreadItemDoneEvent):
            seen.append(event.item.type)
            stored = [item async for item in _rows(there, handle.thread_id)]
            assert event.item.id in {item["id"] for item in stored}, f"{event.item.type} is shown and not stored"
        elif isinstance(event, ThreadItemUpdatedEvent) and "one" not in seen:
            seen.append("one")
            assert "hidden_context_item" in {item["type"] async for item in _rows(there, handle.thread_id)}
    assert seen == ["user_message", "widget", "one", "assistant_message"]


async def _rows(process: Process, thread_id: str) -> AsyncIterator[Row]:
    """Read the rows of a thread's items."""
    partition = process.caller.thread(thread_id).partition
    async for row in process.resources.table.rows(partition, between=(keys.item_sk(""), keys.ITEM_END), page=100):
        yield row
