"""What the assistant asks of the user's side: clicks, forms, the browser; and what it tells the page."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.integration.protocol.conftest import NewThread
from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio


def complete_action(widget: dict[str, Any]) -> dict[str, Any]:
    """Return what a click on the first open task of a list does."""
    action: dict[str, Any] = next(
        row["onClickAction"] for row in widget["widget"]["children"] if row.get("onClickAction")
    )
    return action


@pytest.mark.shows("threads.custom_action", "widget", "thread.item.replaced")
async def test_a_click_in_a_widget_runs_its_action_and_updates_the_widget_in_place(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("add task buy milk (high)")
    await thread.say("list my tasks")
    shown = thread.widget()
    await thread.click(shown, complete_action(shown))
    (replaced,) = thread.of("thread.item.replaced")
    assert replaced["item"]["id"] == shown["id"]
    assert replaced["item"]["widget"]["status"]["text"] == "1 task, 0 pending"


@pytest.mark.shows("threads.sync_custom_action")
async def test_a_synchronous_click_returns_the_changed_widget(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("add task buy milk (high)")
    await thread.say("list my tasks")
    shown = thread.widget()
    action = complete_action(shown)
    answer = await thread.post(
        "threads.sync_custom_action",
        thread_id=thread.thread_id,
        item_id=shown["id"],
        action={"type": action["type"], "payload": action["payload"]},
    )
    assert answer.json()["updated_item"]["widget"]["status"]["text"] == "1 task, 0 pending"
    (stored,) = (item for item in await thread.items() if item["type"] == "widget")
    assert stored["widget"] == answer.json()["updated_item"]["widget"]


@pytest.mark.shows("widget.root.updated", "widget.streaming_text.value_delta", "widget.component.updated")
async def test_the_text_of_a_widget_streams(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say('!tool draft_message {"task": "a short note of thanks"}')
    first = thread.updates("widget.root.updated")[0]["widget"]["children"][-1]["value"]
    rest = "".join(each["delta"] for each in thread.updates("widget.streaming_text.value_delta"))
    card = thread.item("widget")
    assert card["widget"]["children"][-1]["value"] == first + rest == card["copy_text"]
    (component,) = thread.updates("widget.component.updated")
    assert component["component"]["label"] == "Ready"
    assert [item["widget"] for item in await thread.items() if item["type"] == "widget"] == [card["widget"]]


@pytest.mark.shows("client_tool_call", "threads.add_client_tool_output")
async def test_the_browser_answers_a_client_tool_call_and_the_model_continues(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!tool get_browser_info {}")
    asked = thread.item("client_tool_call")
    assert (asked["name"], asked["status"]) == ("get_browser_info", "pending")
    await thread.stream("threads.add_client_tool_output", thread_id=thread.thread_id, result={"language": "de-DE"})
    assert "de-DE" in thread.said()
    (stored,) = (item for item in await thread.items() if item["type"] == "client_tool_call")
    assert (stored["status"], stored["output"]) == ("completed", {"language": "de-DE"})


@pytest.mark.shows("structured_input", "threads.add_structured_input", "end_of_turn")
async def test_the_user_answers_a_form_and_the_model_continues(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!tool ask_about_problem {}")
    form = thread.item("structured_input")
    assert [each["type"] for each in form["inputs"]] == ["freeform", "multiple_choice"]
    answers = {"problem": {"values": ["The page is blank"]}, "since": {"values": ["Today"]}}
    await thread.stream(
        "threads.add_structured_input",
        thread_id=thread.thread_id,
        item_id=form["id"],
        input={"status": "answered", "answers": answers},
    )
    assert thread.said()
    (stored,) = (item for item in await thread.items() if item["type"] == "structured_input")
    assert stored["status"] == "answered"
    assert stored["inputs"][0]["answer"]["values"] == ["The page is blank"]


@pytest.mark.shows("notice", "task", "client_effect")
async def test_an_approved_refund_sends_a_notice_and_a_tool_sends_a_client_effect(
    new_thread: NewThread, issuer: Issuer
) -> None:
    thread = new_thread(issuer.token(sub="ann", tenant_id=f"tenant-{uuid.uuid4().hex}"))
    await thread.say("refund invoice 502")
    card = thread.widget()
    await thread.click(card, card["widget"]["confirm"]["action"])
    assert thread.of("notice")[0]["level"] == "info"
    assert thread.item("task")["task"]["type"] == "custom"
    await thread.say('!tool set_theme {"theme": "dark"}')
    (effect,) = thread.of("client_effect")
    assert (effect["name"], effect["data"]) == ("set_theme", {"theme": "dark"})


@pytest.mark.shows("thread.updated")
async def test_a_thread_is_locked_and_refuses_messages_after_a_handover_to_a_person(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say('!tool hand_to_human {"reason": "wants one"}')
    assert {each["thread"]["status"]["type"] for each in thread.of("thread.updated")} == {"locked"}
    read = await thread.post("threads.get_by_id", thread_id=thread.thread_id)
    assert read.json()["status"]["type"] == "locked"
    message = {"content": [{"type": "input_text", "text": "hello?"}], "attachments": [], "inference_options": {}}
    refused = await thread.post("threads.add_user_message", thread_id=thread.thread_id, input=message)
    assert refused.status_code == 409
