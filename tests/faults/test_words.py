"""Whenever the process of a turn dies, the search finds what its thread shows, and nothing of a thread that is gone.

A turn that remembers shows no card of a fact that is not stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from chatkit.types import AssistantMessageItem, UserMessageItem, WidgetItem

from assistant.aws import keys
from assistant.memory import FORGET, load_memory
from assistant.operations.reads import list_threads
from assistant.search import search
from assistant.search.words import words_of
from assistant.settings import Settings
from assistant.threads.store import ThreadStore
from assistant.upkeep import erase, request_erasure, sweep
from tests.faults.apart import Apart
from tests.faults.conftest import Stage
from tests.faults.points import Points, watch
from tests.faults.scenes import SCENES
from tests.support import remembering_agent
from tests.support.provider_server import Answer, ProviderServer, Reply, Text, ToolCall
from tests.support.turns import Process, creation, eventually, follow

pytestmark = pytest.mark.anyio

# What each of them does with words: a new row, one more turn, and the removal of an answer.
OPERATIONS = ("create", "add", "retry")


def searching(stage: Stage) -> Stage:
    """Return the stage with the search switched on."""
    return replace(stage, settings=replace(stage.settings, history_search=True))


async def settled(process: Process) -> list[str]:
    """Let everything that has begun end, and return the threads."""
    context = process.context()
    threads = [thread.id for thread in (await list_threads(10, None, "desc", context)).data]
    for thread_id in threads:

        async def is_over(thread_id: str = thread_id) -> bool:
            await process.thread(thread_id)
            return str((await process.turn_row(thread_id))["state"]) != "running"

        await eventually(is_over, "the turn is over")
    assert (await sweep(process.resources)).failed == 0
    return threads


async def check_words(process: Process) -> None:
    """Check that each word that a thread shows is found, and none after its deletion."""
    threads = await settled(process)
    shown: dict[str, set[str]] = {}
    for thread_id in threads:
        items = await process.stored(thread_id)
        texts = [
            part.text
            for item in items
            if isinstance(item, UserMessageItem | AssistantMessageItem)
            for part in item.content
        ]
        shown[thread_id] = words_of(" ".join(texts))
    for thread_id, words in shown.items():
        for word in words:
            found = await search(word, process.context())
            assert found.complete
            assert thread_id in {hit.thread_id for hit in found.hits}, word
    for thread_id in threads:
        await ThreadStore(process.resources).delete_thread(thread_id, process.context())
    await sweep(process.resources)
    assert await rows_with_words(process) == []
    for words in shown.values():
        for word in words:
            assert (await search(word, process.context())).hits == []


async def rows_with_words(process: Process) -> list[str]:
    """Return the sort keys of the user's rows with words."""
    rows = process.resources.table.rows(
        process.caller.partition, between=(keys.WORDS_PREFIX, f"{keys.WORDS_PREFIX}~"), page=100
    )
    return [row["sk"] async for row in rows]


async def count(stage: Stage, operation: str) -> int:
    """Return how many points an operation has."""
    process, points = stage.process(), Points()
    _, request = await SCENES[operation](stage.process())
    watch(process.resources, points)
    await process.run(request)
    await check_words(stage.process())
    return len(points.passed)


async def killed(stage: Stage, operation: str, at: int) -> None:
    """Kill the process at a point, and check the words that are there in the end."""
    _, request = await SCENES[operation](stage.process())
    await Apart(stage.settings, stage.caller, request, Points(at=at, harm="killed")).died()
    await check_words(stage.process())


@pytest.mark.parametrize("operation", ["create", "retry"])
async def test_what_a_killed_turn_shows_is_found(stages: Iterator[Stage], operation: str) -> None:
    # Near its end, where the words are written.
    points = await count(searching(next(stages)), operation)
    await killed(searching(next(stages)), operation, points - 3)


@pytest.mark.exhaustive
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_what_a_turn_shows_that_is_killed_at_any_point_is_found(stages: Iterator[Stage], operation: str) -> None:
    for at in range(await count(searching(next(stages)), operation)):
        await killed(searching(next(stages)), operation, at)


async def test_no_words_of_an_erased_user_come_back(stages: Iterator[Stage]) -> None:
    """A process stands still while its user is erased, and goes on when its turn's end has words to write."""
    stage = searching(next(stages))
    healthy = stage.process()
    _, request = await SCENES["add"](healthy)
    apart = Apart(
        stage.settings, stage.caller, request, Points(at=6, harm="stalled", since="'state': {'S': 'running'}")
    )
    assert await apart.stands_still(), "the turn has ended before"
    work = await request_erasure(healthy.resources, stage.caller)
    while not await erase(healthy.resources, work):
        pass
    await apart.answer()
    await sweep(healthy.resources)
    assert await rows_with_words(healthy) == []


def remembers(body: dict[str, object]) -> Reply:
    """Answer as a model that remembers once."""
    if "function_call_output" in json.dumps(body["input"]):
        return Answer(Text("Noted."))
    return Answer(ToolCall("remember", {"fact": "Likes tea."}))


async def check_cards(process: Process) -> None:
    """Check that each card of a fact shows a fact that is stored, once."""
    facts = {fact.id for fact in (await load_memory(process.resources.table, process.caller)).facts}
    assert len(facts) <= 1
    for thread_id in await settled(process):
        for item in await process.stored(thread_id):
            if isinstance(item, WidgetItem) and FORGET in json.dumps(item.widget.model_dump()):
                assert any(fact in json.dumps(item.widget.model_dump()) for fact in facts), item


async def play_remembering(stages: Iterator[Stage], server: ProviderServer, choose: slice) -> None:
    """Kill a turn that remembers at some of its points."""

    def settings_of(stage: Stage) -> Settings:
        server.reset()
        server.script(*[remembers] * 100)
        return replace(stage.settings, agent_factory=remembering_agent.FACTORY, openai_api="responses")

    stage = next(stages)
    process, points = Process(settings_of(stage), stage.caller), Points()
    watch(process.resources, points)
    handle = await process.start(creation("I like tea"))
    await follow(handle, [])
    await handle.wait()
    await check_cards(Process(settings_of(stage), stage.caller))
    memory = await load_memory(process.resources.table, stage.caller)
    assert [fact.text for fact in memory.facts] == ["Likes tea."]
    for at in range(len(points.passed))[choose]:
        stage = next(stages)
        settings = settings_of(stage)
        await Apart(settings, stage.caller, creation("I like tea"), Points(at=at, harm="killed")).died()
        await check_cards(Process(settings, stage.caller))


async def test_a_killed_turn_shows_no_card_without_its_fact(stages: Iterator[Stage], server: ProviderServer) -> None:
    await play_remembering(stages, server, slice(-4, -3))


@pytest.mark.exhaustive
async def test_a_turn_that_is_killed_at_any_point_shows_no_card_without_its_fact(
    stages: Iterator[Stage], server: ProviderServer
) -> None:
    await play_remembering(stages, server, slice(None))
