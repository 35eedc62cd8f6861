"""Clicks while a turn runs: one that cannot count ends nothing, one in what was just shown counts."""

from __future__ import annotations

import random

import pytest
from chatkit.actions import Action
from chatkit.types import (
    ThreadCustomActionParams,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadsCustomActionReq,
    ThreadsSyncCustomActionReq,
    WidgetItem,
)

from assistant.errors import AssistantError, InvalidRequestError, NotFoundError, UnsupportedFeatureError
from assistant.operations.dispatch import perform
from assistant.threads.store import ThreadStore
from assistant.turns import TurnHandle, waiting
from assistant.turns.waiting import ItemBeingWrittenError
from assistant.upkeep.sweep import sweep
from tests.integration.turns.conftest import ProcessMaker
from tests.support.provider_server import Answer, ProviderServer, Text, ToolCall
from tests.support.turns import Process, creation, follow, text_of

pytestmark = pytest.mark.anyio

WORDS = "one two three four five six seven eight nine ten"
SHOWING = Answer(ToolCall("show_card", {"text": "a card"})), Answer(Text(WORDS), pause=0.3)


async def shown_card(
    handle: TurnHandle, kind: type[ThreadItemAddedEvent | ThreadItemDoneEvent] = ThreadItemDoneEvent
) -> WidgetItem:
    """Return the card as soon as a client sees it as done, or as added: then it is not stored yet."""
    async for event in handle.events():
        if isinstance(event, kind) and isinstance(event.item, WidgetItem):
            return event.item
    raise AssertionError("no card was shown")


def params(card: WidgetItem, kind: str = "change") -> ThreadCustomActionParams:
    return ThreadCustomActionParams(
        thread_id=card.thread_id, item_id=card.id, action=Action(type=kind, payload={"n": 1})
    )


def click(card: WidgetItem, kind: str = "change") -> ThreadsCustomActionReq:
    return ThreadsCustomActionReq(params=params(card, kind))


async def cards(process: Process, thread_id: str) -> list[str | None]:
    return [item.copy_text for item in await process.stored(thread_id) if isinstance(item, WidgetItem)]


async def test_the_object_of_a_large_card_goes_when_a_click_replaces_the_card(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    large = random.Random(7).randbytes(600_000).hex()  # noqa: S311 - reproducible, no secret
    provider.script(Answer(ToolCall("show_card", {"text": large})), Answer(Text("There it is.")))
    here = process()
    shown = (await here.run(creation("show it"))).items.values()
    [card] = [item for item in shown if isinstance(item, WidgetItem)]
    context = here.context()
    store = ThreadStore(here.resources)
    before = await store.find_item(card.thread_id, card.id, context)
    assert before is not None
    assert await here.resources.objects.get(before["object"])
    assert (await here.run(click(card))).error is None
    await sweep(here.resources)
    with pytest.raises(KeyError):
        await here.resources.objects.get(before["object"])
    assert await cards(here, card.thread_id) == ["changed"]


@pytest.mark.parametrize(
    ("kind", "payload", "error"),
    [
        ("unknown", {}, InvalidRequestError),
        ("approval.decide", {}, InvalidRequestError),
        ("approval.decide", {"run_id": "run_1", "call_id": "call_1", "approve": True}, NotFoundError),
    ],
)
async def test_a_click_that_cannot_count_is_refused_and_leaves_the_running_turn_alone(
    process: ProcessMaker, provider: ProviderServer, kind: str, payload: object, error: type[AssistantError]
) -> None:
    provider.script(Answer(Text(WORDS), pause=0.1))
    here = process()
    running = await here.start(creation("count"))
    action = ThreadCustomActionParams(thread_id=running.thread_id, action=Action(type=kind, payload=payload))
    with pytest.raises(error):
        await here.start(ThreadsCustomActionReq(params=action))
    client = await follow(running)
    assert (client.text, client.error) == (WORDS, None)


async def test_a_package_without_actions_refuses_a_click_before_it_becomes_a_turn(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(*SHOWING)
    here, other = process(), process(agent_factory="tests.support.guarded_agent:build_agent")
    handle = await here.start(creation("show it"))
    card = await shown_card(handle)
    with pytest.raises(UnsupportedFeatureError):
        await other.start(click(card))
    assert (await follow(handle)).text == WORDS


async def test_a_click_in_a_card_that_was_just_shown_is_answered_and_stays(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    for there in (None, process()):
        provider.reset()
        provider.script(*SHOWING)
        here = process()
        handle = await here.start(creation("show it"))
        card = await shown_card(handle)
        asked = (there or here).context()
        answer = await perform(ThreadsSyncCustomActionReq(params=params(card)), asked)
        assert b"changed" in answer
        assert (await here.turn_row(card.thread_id))["state"] == "running", "it is not waited for the turn's end"
        client = await follow(handle)
        await handle.wait()
        assert client.text == WORDS
        assert await cards(here, card.thread_id) == ["changed"]


async def test_a_click_that_streams_takes_the_place_of_the_turn_that_has_shown_its_card(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(*SHOWING)
    here = process()
    handle = await here.start(creation("show it"))
    card = await shown_card(handle)
    client = await here.run(click(card))
    assert client.error is None
    assert await cards(here, card.thread_id) == ["changed"]
    assert WORDS not in text_of(await here.stored(card.thread_id))


async def test_a_click_in_what_is_not_stored_in_time_has_an_error_of_its_own_that_may_be_retried(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.1)
    growing = Answer(ToolCall("show_growing_card", {"text": "a card"}))
    provider.script(growing, Answer(Text(WORDS)))
    here = process()
    handle = await here.start(creation("show it"))
    card = await shown_card(handle, ThreadItemAddedEvent)
    with pytest.raises(ItemBeingWrittenError) as refused:
        await perform(ThreadsSyncCustomActionReq(params=params(card)), here.context())
    assert (refused.value.status, refused.value.code, refused.value.retryable) == (409, "item_being_written", True)
    with pytest.raises(ItemBeingWrittenError):
        await here.start(click(card))
    assert (await follow(handle)).text == WORDS
    await handle.wait()
    assert b"changed" in await perform(ThreadsSyncCustomActionReq(params=params(card)), here.context())
