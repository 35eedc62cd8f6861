"""Ids and times: the same in every event and in the table, for both wire formats."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from chatkit.types import AssistantMessageItem, ThreadItemAddedEvent, ThreadItemDoneEvent, ThreadItemUpdatedEvent

from assistant.ids import split_own_id
from tests.integration.turns.conftest import ProcessMaker
from tests.support.provider_server import Answer, ProviderServer, Reasoning, Text, ToolCall
from tests.support.turns import creation, follow, said_by_user, text_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("api", ["chat_completions", "responses"])
async def test_ids_are_the_same_in_added_updated_done_and_stored(
    process: ProcessMaker, provider: ProviderServer, api: str
) -> None:
    provider.script(
        Answer(Reasoning("hm"), Text("let me look"), ToolCall("look_up", {"what": "it"})),
        Answer(ToolCall("show_card", {"text": "card"}), ToolCall("note", {"text": "n"})),
        Answer(Text("here it is")),
    )
    here = process(api)
    handle = await here.start(creation("hello"))
    client = await follow(handle)
    stored = {item.id: item for item in await here.stored(handle.thread_id)}
    shown = {item.id: item for item in await here.shown(handle.thread_id)}
    assert client.items == shown
    assert client.complete >= set(shown)
    for event in client.events:
        match event:
            case ThreadItemAddedEvent(item=item) | ThreadItemDoneEvent(item=item):
                assert item.id in stored
                assert split_own_id(item.id) is not None
                assert item.created_at.utcoffset() == timedelta(0), "times are UTC-aware on the wire"
            case ThreadItemUpdatedEvent(item_id=item_id):
                assert item_id in stored
    answers = [item for item in stored.values() if isinstance(item, AssistantMessageItem)]
    assert [text_of([item]).strip() for item in answers] == ["let me look", "here it is"]
    assert all(item.created_at.utcoffset() == timedelta(0) for item in stored.values())
    assert "+00:00" in handle_json(answers[0]) or "Z" in handle_json(answers[0])


async def test_an_added_message_is_empty_until_its_first_delta(process: ProcessMaker) -> None:
    client = await process(api=None).run(creation("hello"))
    (added,) = [event for event in client.events if isinstance(event, ThreadItemAddedEvent)]
    assert text_of([added.item]) == ""


@pytest.mark.parametrize("api", ["chat_completions", "responses"])
async def test_three_turns_are_six_messages_on_the_wire_and_in_the_table(
    process: ProcessMaker, provider: ProviderServer, api: str
) -> None:
    here = process(api)
    provider.script(*(Answer(Text(f"answer {number}")) for number in (1, 2, 3)))
    thread_id = ""
    for number in (1, 2, 3):
        if number == 1:
            thread_id = await here.create("question 1")
        else:
            await here.say(thread_id, f"question {number}")
    body = provider.bodies[-1]
    said = [
        each["content"] if isinstance(each["content"], str) else "".join(part["text"] for part in each["content"])
        for each in body.get("messages") or body["input"]
        if each["role"] in ("user", "assistant")
    ]
    assert said == ["question 1", "answer 1", "question 2", "answer 2", "question 3"]
    items = await here.stored(thread_id)
    assert len({item.id for item in items}) == 6
    assert said_by_user(items) == ["question 1", "question 2", "question 3"]
    assert text_of(items).split("\n") == ["answer 1", "answer 2", "answer 3"]
    assert [item.id for item in items] == [item.id for item in await here.shown(thread_id)]


def handle_json(item: AssistantMessageItem) -> str:
    return str(json.loads(item.model_dump_json())["created_at"])
