"""Messages and what answers them: every operation that begins a turn, and what comes while it runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from assistant.context import Resources
from tests.integration.protocol.conftest import NewThread
from tests.support import guarded_agent

pytestmark = pytest.mark.anyio


def message(text: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}, **more}


@pytest.mark.shows(
    "threads.create",
    "thread.created",
    "stream_options",
    "thread.item.added",
    "thread.item.updated",
    "thread.item.done",
    "user_message",
    "assistant_message",
    "assistant_message.content_part.added",
    "assistant_message.content_part.text_delta",
    "assistant_message.content_part.done",
)
async def test_a_first_message_creates_a_thread_and_the_answer_streams(new_thread: NewThread) -> None:
    thread = new_thread()
    said = await thread.say("Hello there")
    assert "You said" in said
    deltas = thread.updates("assistant_message.content_part.text_delta")
    assert len(deltas) > 5
    assert "".join(delta["delta"] for delta in deltas) == said
    assert [event["type"] for event in thread.events[:3]] == ["thread.created", "thread.item.done", "stream_options"]
    assert thread.of("stream_options")[0]["stream_options"] == {"allow_cancel": True}


@pytest.mark.shows("threads.add_user_message")
async def test_a_second_message_continues_the_thread(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("Hello there")
    assert 'Before this one you said: "Hello there"' in await thread.say("And now?")


@pytest.mark.shows("threads.retry_after_item")
async def test_a_retry_replaces_the_old_answer(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("Hello there")
    old, asked = thread.item("assistant_message"), thread.item("user_message")
    await thread.stream("threads.retry_after_item", thread_id=thread.thread_id, item_id=asked["id"])
    new = thread.item("assistant_message")
    assert [item["id"] for item in await thread.items()] == [asked["id"], new["id"]]
    assert new["id"] != old["id"]


async def test_quoted_text_stays_with_its_message_and_is_no_word_of_the_user(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.stream("threads.create", input=message("Explain this", quoted_text="the quick brown fox"))
    assert thread.item("user_message")["quoted_text"] == "the quick brown fox"
    assert 'You said: "Explain this"' in thread.said()
    assert "the quick brown fox" in thread.said()


async def test_a_mention_reaches_the_model_as_what_the_records_say(new_thread: NewThread) -> None:
    thread = new_thread()
    tag = {"type": "input_tag", "id": "employee-7", "text": "Zeeshan", "data": {"status": "fired"}, "group": "People"}
    said = await thread.say("What about ", [tag])
    assert "Department: Engineering" in said
    assert "fired" not in said


@pytest.mark.shows("workflow", "workflow.task.added", "workflow.task.updated")
async def test_reasoning_is_shown_as_a_workflow(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!think about it")
    workflow = thread.item("workflow")["workflow"]
    assert workflow["type"] == "reasoning"
    assert [task["content"] for task in workflow["tasks"]] == ["about it", "A short answer will do."]


@pytest.mark.shows("workflow", "progress_update", "workflow.task.updated")
async def test_a_tool_shows_its_progress_as_text_and_in_a_workflow(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("Who is employee 7?")
    assert thread.of("progress_update")[0]["text"] == "Looking up employee 7"
    (task,) = thread.item("workflow")["workflow"]["tasks"]
    assert task["status_indicator"] == "complete"


@pytest.mark.shows("assistant_message.content_part.annotation_added")
async def test_an_answer_cites_a_web_page(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!cite https://example.com/page A page")
    (added,) = thread.updates("assistant_message.content_part.annotation_added")
    (annotation,) = thread.item("assistant_message")["content"][0]["annotations"]
    assert annotation == added["annotation"]
    source = {"type": "url", "url": "https://example.com/page", "title": "A page"}
    assert source.items() <= annotation["source"].items()


async def test_an_answer_names_its_sources_by_url_and_by_entity(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!say See https://help.example.com/returns and ask employee 7.")
    sources = [each["source"] for each in thread.item("assistant_message")["content"][0]["annotations"]]
    assert [(each["type"], each["title"]) for each in sources] == [
        ("url", "Returns and refunds"),
        ("entity", "Zeeshan"),
    ]
    assert sources[1]["id"] == "employee-7"


@pytest.mark.shows("thread.updated")
async def test_a_new_thread_gets_its_title_after_the_first_answer(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("Where is my parcel today")
    (updated,) = thread.of("thread.updated")
    assert updated["thread"]["title"] == "Where is my parcel today"
    kinds = [event["type"] for event in thread.events]
    assert kinds.index("thread.updated") > max(index for index, kind in enumerate(kinds) if "item.updated" in kind)
    await thread.say("And now?")
    assert thread.of("thread.updated") == []


async def test_a_title_that_the_user_gives_while_the_answer_comes_stays(
    new_thread: NewThread, resources: Resources
) -> None:
    thread, other = new_thread(), new_thread()
    answering = asyncio.create_task(thread.say("!slow 15"))
    while not resources.running:  # noqa: ASYNC110 - a turn tells nobody when it begins
        await asyncio.sleep(0.01)
    ((_, _, thread_id),) = resources.running
    await other.post("threads.update", thread_id=thread_id, title="Mine")
    await answering
    assert [event["thread"]["title"] for event in thread.of("thread.updated")] == ["Mine"]
    read = await other.post("threads.get_by_id", thread_id=thread_id)
    assert read.json()["title"] == "Mine"


@pytest.mark.shows("error")
async def test_a_failed_turn_sends_a_retryable_error_and_keeps_the_partial_answer(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!fail 3")
    (error,) = thread.of("error")
    assert error["allow_retry"] is True
    (kept,) = (item for item in await thread.items() if item["type"] == "assistant_message")
    assert kept["content"][0]["text"].split() == ["word1", "word2", "word3"]


@pytest.mark.parametrize("settings", [{"agent_factory": "tests.support.guarded_agent:build_agent"}])
@pytest.mark.shows("thread.item.removed", "error")
async def test_a_tripped_guardrail_removes_the_shown_output(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!tool show_card {}")
    assert guarded_agent.cancelled[-1] == thread.thread_id, "the tool that still ran is not waited for"
    shown = thread.item("widget")
    assert shown["id"] in [event["item_id"] for event in thread.of("thread.item.removed")]
    (error,) = thread.of("error")
    assert (error["message"], error["allow_retry"]) == ("Not here, please.", False)
    assert "widget" not in [item["type"] for item in await thread.items()]
