"""Conversations with the helpdesk over HTTP, on both functions, with the demo model."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from assistant.aws import keys
from assistant.context import Resources
from assistant.threads.rows import pack, unpack
from tests.integration.helpdesk.conftest import NewThread
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.issuer import AUDIENCE, ISSUER, Issuer
from tests.support.turns import eventually

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
functions = pytest.mark.parametrize("function", ["chat", "stream"])


def row_actions(widget: dict[str, Any]) -> list[dict[str, Any]]:
    return [row["onClickAction"] for row in widget["widget"]["children"] if "onClickAction" in row]


@functions
async def test_tasks_are_added_listed_clicked_and_added_by_the_form(new_thread: NewThread, function: str) -> None:
    thread = new_thread(function)
    await thread.say("add task buy milk (high)")
    said = await thread.say("list my tasks")
    assert "buy milk" not in said
    shown = thread.widget()
    assert shown["widget"]["status"]["text"] == "1 task, 1 pending"
    await thread.click(shown, row_actions(shown)[0])
    clicked = thread.widget()
    assert (clicked["id"], clicked["widget"]["status"]["text"]) == (shown["id"], "1 task, 0 pending")
    form = shown["widget"]["children"][-1]["children"][0]
    payload = {**form["onSubmitAction"]["payload"], "title": "Water the plants", "priority": "low"}
    answer = await thread.post(
        "threads.sync_custom_action",
        thread_id=thread.thread_id,
        item_id=shown["id"],
        action={"type": form["onSubmitAction"]["type"], "payload": payload},
    )
    assert answer.json()["updated_item"]["widget"]["status"]["text"] == "2 tasks, 1 pending"
    (stored,) = (item for item in await thread.items() if item["type"] == "widget")
    assert stored["widget"]["status"]["text"] == "2 tasks, 1 pending"


@functions
async def test_employees_and_orders_are_looked_up(new_thread: NewThread, function: str) -> None:
    thread = new_thread(function)
    assert "Zeeshan" in await thread.say("Who is employee 7?")
    assert any(event["type"] == "progress_update" for event in thread.events)
    assert any(item["type"] == "workflow" for item in thread.done())
    assert "not_found" in await thread.say("employee 4711")
    assert "shipped" in await thread.say("where is order 1002?")


@functions
async def test_a_refund_waits_for_approval_and_is_answered_once(
    new_thread: NewThread, issuer: Issuer, function: str
) -> None:
    thread = new_thread(function, issuer.token(sub="ann", tenant_id=f"tenant-{uuid.uuid4().hex}"))
    await thread.say("refund invoice 502")
    card = thread.widget()
    assert "paid" in await thread.say("my invoice 502")
    assert "refunded" in await thread.click(card, card["widget"]["confirm"]["action"])
    answered = thread.widget()
    assert (answered["id"], answered["widget"]["status"]["text"]) == (card["id"], "Approved")
    assert any(event["type"] == "notice" for event in thread.events)
    assert any(item["type"] == "task" for item in thread.done())
    before = await thread.items()
    for button in ("confirm", "cancel"):
        refused = await clicked(thread, card, card["widget"][button]["action"])
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    assert await thread.items() == before


async def clicked(thread: ChatKitClient, item: dict[str, Any], action: dict[str, Any]) -> httpx2.Response:
    action = {"type": action["type"], "payload": action["payload"]}
    return await thread.post("threads.custom_action", thread_id=thread.thread_id, item_id=item["id"], action=action)


@functions
@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ({"type": "tasks.drop_all", "payload": {}}, (400, "invalid_request")),
        ({"type": "tasks.complete", "payload": {"id": "first"}}, (400, "invalid_request")),
        ({"type": "tasks.complete", "payload": {"id": True}}, (400, "invalid_request")),
        ({"type": "tasks.complete", "payload": {"id": 0}}, (400, "invalid_request")),
        ({"type": "tasks.complete", "payload": {"id": 10**9}}, (404, "not_found")),
        ({"type": "tasks.add", "payload": None}, (400, "invalid_request")),
        ({"type": "tasks.add", "payload": {"title": " "}}, (400, "invalid_request")),
    ],
)
async def test_a_click_that_nobody_knows_is_refused_and_ends_no_turn(
    new_thread: NewThread, function: str, action: dict[str, Any], answer: tuple[int, str]
) -> None:
    thread = new_thread(function)
    await thread.say("add task buy milk")
    await thread.say("list my tasks")
    shown = thread.widget()
    other = ChatKitClient(thread.http, thread.thread_id)
    answering = asyncio.create_task(thread.say("!slow 10"))
    await asyncio.sleep(0.3)
    refused = await clicked(other, shown, action)
    assert (refused.status_code, refused.json()["error"]["code"]) == answer
    assert (await answering).endswith("word10")
    await thread.say("list my tasks")
    assert thread.widget()["widget"]["status"]["text"] == "1 task, 1 pending"


async def test_a_rejected_refund_changes_nothing(new_thread: NewThread, issuer: Issuer) -> None:
    thread = new_thread("stream", issuer.token(sub="ann", tenant_id=f"tenant-{uuid.uuid4().hex}"))
    await thread.say("refund invoice 502")
    card = thread.widget()
    assert "did not approve" in await thread.click(card, card["widget"]["cancel"]["action"])
    assert "paid" in await thread.say("my invoice 502")


_APPROVE = """
import asyncio, json, sys
from datetime import timedelta
from types import SimpleNamespace

from assistant import clock
from assistant.api import create_app
from assistant.approvals import decisions, runs
from tests.support.asgi import client
from tests.support.chatkit_client import ChatKitClient

async def main():
    headers, thread_id, item, action, days = json.loads(sys.argv[1])
    # Only the approvals see a later clock: a lease or a token of the other modules would expire.
    decisions.clock = runs.clock = SimpleNamespace(now=lambda: clock.now() + timedelta(days=days))
    async with client(create_app(streaming=True), **headers) as http:
        thread = ChatKitClient(http, thread_id)
        print(await thread.click(item, action))

asyncio.run(main())
"""


@pytest.mark.parametrize("days", [*(pytest.param(days, marks=pytest.mark.exhaustive) for days in (0, 1)), 29])
async def test_an_approval_resumes_the_run_in_another_process_also_days_later(
    new_thread: NewThread, issuer: Issuer, aws_environment: Aws, days: int
) -> None:
    bearer = issuer.token(sub="ann", tenant_id=f"tenant-{uuid.uuid4().hex}")
    thread = new_thread("stream", bearer)
    await thread.say("refund invoice 502")
    card = thread.widget()
    argument = json.dumps(
        [{"Authorization": f"Bearer {bearer}"}, thread.thread_id, card, card["widget"]["confirm"]["action"], days]
    )
    environment = {
        **os.environ,
        **aws_environment.environment(LLM_PROVIDER="demo"),
        "AUTH_ISSUER": ISSUER,
        "AUTH_AUDIENCE": AUDIENCE,
        "AUTH_JWKS_URL": issuer.url,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "layers" / "agents"), str(ROOT)]),
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "ignore", "-c", _APPROVE, argument],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "refunded" in done.stdout, done.stderr
    assert "refunded" in await thread.say("my invoice 502")


async def test_a_run_that_a_newer_sdk_cannot_read_is_refused_clearly(
    new_thread: NewThread, issuer: Issuer, resources: Resources
) -> None:
    tenant = f"tenant-{uuid.uuid4().hex}"
    thread = new_thread("stream", issuer.token(sub="ann", tenant_id=tenant))
    await thread.say("refund invoice 502")
    card = thread.widget()
    pk = keys.ThreadRef(tenant, "ann", thread.thread_id or "").partition
    (row,), _ = await resources.table.query(pk, between=("H#", "H$"), limit=2)
    state = json.loads(unpack(row)) | {"$schemaVersion": "99.0"}
    kept = {name: value for name, value in row.items() if name not in ("blob", "data")}
    await resources.table.put(keys.Key(row["pk"], row["sk"]), kept | pack(json.dumps(state)))
    await thread.click(card, card["widget"]["confirm"]["action"])
    (error,) = (event for event in thread.events if event["type"] == "error")
    assert "earlier version of the assistant" in error["message"]
    assert error["allow_retry"] is False
    assert "paid" in await thread.say("my invoice 502")


async def test_the_browser_answers_a_client_tool_and_the_turn_goes_on(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!tool get_browser_info {}")
    (asked,) = (item for item in thread.done() if item["type"] == "client_tool_call")
    assert asked["name"] == "get_browser_info"
    await thread.stream(
        "threads.add_client_tool_output", thread_id=thread.thread_id, result={"language": "de-DE", "online": True}
    )
    assert not [event for event in thread.events if event["type"] == "error"]
    assert "de-DE" in thread.said()


async def test_a_thread_that_a_person_takes_over_is_locked(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say('!tool hand_to_human {"reason": "wants one"}')
    updated = [event["thread"] for event in thread.events if event["type"] == "thread.updated"]
    assert {each["status"]["type"] for each in updated} == {"locked"}
    message = {"content": [{"type": "input_text", "text": "hello?"}], "attachments": [], "inference_options": {}}
    refused = await thread.post("threads.add_user_message", thread_id=thread.thread_id, input=message)
    assert refused.status_code == 409


CARD = "4111 1111 1111 1111"


async def test_a_card_number_is_refused_and_nothing_of_the_answer_stays(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say(f"my card is {CARD}")
    (error,) = (event for event in thread.events if event["type"] == "error")
    assert "card numbers" in error["message"]
    assert not [item for item in await thread.items() if item["type"] == "assistant_message"]
    assert "You said" in await thread.say("Hello there"), "what was refused is not held against the next message"


@pytest.mark.parametrize(
    ("text", "quoted"), [(f"my card is {CARD}", "something else"), ("what is this?", f"card {CARD}")]
)
async def test_a_card_number_is_refused_in_a_quote_and_beside_one(
    new_thread: NewThread, text: str, quoted: str
) -> None:
    thread = new_thread()
    content = [{"type": "input_text", "text": text}]
    message = {"content": content, "attachments": [], "inference_options": {}, "quoted_text": quoted}
    await thread.stream("threads.create", input=message)
    (error,) = (event for event in thread.events if event["type"] == "error")
    assert "card numbers" in error["message"]


async def test_a_card_number_in_a_form_is_refused(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!tool ask_about_problem {}")
    (form,) = (item for item in thread.done() if item["type"] == "structured_input")
    answers = {"problem": {"values": [f"I paid with {CARD}"]}, "since": {"values": ["Today"]}}
    await thread.stream(
        "threads.add_structured_input",
        thread_id=thread.thread_id,
        item_id=form["id"],
        input={"status": "answered", "answers": answers},
    )
    (error,) = (event for event in thread.events if event["type"] == "error")
    assert "card numbers" in error["message"]


async def test_a_card_number_in_a_mention_and_in_the_browsers_answer_is_refused(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("Pay with ", [{"type": "input_tag", "id": "x", "text": CARD, "data": {}}])
    assert "card numbers" in next(event for event in thread.events if event["type"] == "error")["message"]
    thread = new_thread()
    await thread.say("!tool get_browser_info {}")
    await thread.stream("threads.add_client_tool_output", thread_id=thread.thread_id, result={"x": CARD})
    assert "card numbers" in next(event for event in thread.events if event["type"] == "error")["message"]


async def test_what_a_mention_means_comes_from_the_callers_records(new_thread: NewThread) -> None:
    thread = new_thread()
    found = (await thread.http.get("/chatkit/api/entities", params={"query": "zee"})).json()["entities"]
    assert [each["id"] for each in found] == ["employee-7"]
    preview = (await thread.http.get("/chatkit/api/entities/employee-7")).json()["preview"]
    assert preview["type"] == "Basic"
    assert "Engineering" in json.dumps(preview)
    assert (await thread.http.get("/chatkit/api/entities/task-99")).status_code == 404
    tag = {"type": "input_tag", "id": "employee-7", "text": "Zeeshan", "data": {"status": "fired"}, "group": "People"}
    assert await thread.say("What about ", [tag])


@pytest.mark.parametrize(
    "entity_id", [f"task-{'9' * 4301}", f"employee-{'9' * 4200}", "task-\u00b2", "a" * 5000, "\x00"]
)
async def test_a_mention_with_an_invalid_id_does_not_break_the_turn(new_thread: NewThread, entity_id: str) -> None:
    thread = new_thread()
    preview = await thread.http.get(f"/chatkit/api/entities/{quote(entity_id, safe='')}")
    assert (preview.status_code, preview.json()["error"]["code"]) == (404, "not_found")
    for tags in ([{"type": "input_tag", "id": entity_id, "text": "it", "data": {}}], []):
        assert (await thread.say("!say I am well.", tags)).startswith("I am well.")


async def test_a_mention_whose_look_up_fails_breaks_no_turn(
    new_thread: NewThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(entity_id: str, context: object) -> str:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr("helpdesk.entities.entity_to_input", broken)
    thread = new_thread()
    assert await thread.say("!say I am well.", [{"type": "input_tag", "id": "task-1", "text": "it", "data": {}}])


async def test_a_search_that_is_no_name_is_refused_in_the_one_form(new_thread: NewThread) -> None:
    refused = await new_thread().http.get("/chatkit/api/entities", params={"query": "my diary" * 100})
    assert refused.status_code == 400
    error = {"code": "invalid_request", "message": "query: String should have at most 200 characters"}
    assert refused.json() == {"error": error}


async def test_an_answer_carries_its_sources_and_keeps_them(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!say Ask employee 7, or read https://help.example.com/password")
    (answer,) = (item for item in thread.done() if item["type"] == "assistant_message")
    sources = [note["source"] for note in answer["content"][0]["annotations"]]
    assert [(source["type"], source["title"]) for source in sources] == [
        ("entity", "Zeeshan"),
        ("url", "Resetting your password"),
    ]
    (stored,) = (item for item in await thread.items() if item["type"] == "assistant_message")
    assert stored["content"] == answer["content"]


@pytest.mark.parametrize(
    "calls",
    [
        ('get_employee {"employee_id": 7}', 'get_employee {"employee_id": 7}'),
        ('get_invoice {"invoice_id": 501}', "list_invoices {}"),
        ('add_task {"title": "a"}', "list_tasks {}"),
    ],
)
async def test_tools_that_run_at_once_each_show_what_they_did(new_thread: NewThread, calls: tuple[str, ...]) -> None:
    thread = new_thread()
    await thread.say("\n".join(f"!tool {each}" for each in calls))
    (workflow,) = (item["workflow"] for item in await thread.items() if item["type"] == "workflow")
    assert [task["status_indicator"] for task in workflow["tasks"]] == ["complete", "complete"]


async def test_an_answer_whose_sources_cannot_be_found_is_an_answer_without_notes(
    new_thread: NewThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(text: str, context: object) -> None:
        raise ValueError(text)

    monkeypatch.setattr("helpdesk.find_sources", broken)
    thread = new_thread()
    assert "Opening" in await thread.say("!say Opening hours: https://help.example.com/opening-hours")
    assert "error" not in [event["type"] for event in thread.events]


@pytest.mark.parametrize(("words", "cards"), [(3, [("Incomplete", "word1 word2 word3")]), (0, [])])
async def test_a_draft_whose_writer_fails_leaves_no_card_that_is_still_being_written(
    new_thread: NewThread, words: int, cards: list[tuple[str, str]]
) -> None:
    thread = new_thread()
    await thread.say(f'!tool draft_message {{"task": "!fail {words}"}}')
    widgets = [item["widget"] for item in await thread.items() if item["type"] == "widget"]
    assert [(card["children"][0]["children"][-1]["label"], card["children"][-1]["value"]) for card in widgets] == cards


async def drafts(thread: ChatKitClient) -> list[dict[str, Any]]:
    return [item for item in await thread.items() if item["type"] == "widget"]


async def test_a_draft_that_is_stopped_does_not_look_as_if_it_were_written_for_ever(
    new_thread: NewThread,
) -> None:
    thread = new_thread("stream")
    await thread.say("Hello")
    writer = ChatKitClient(thread.http, thread.thread_id)
    writing = asyncio.create_task(writer.say('!tool draft_message {"task": "!slow 50"}'))

    async def begun() -> bool:
        return "word3" in json.dumps(await drafts(thread))

    await eventually(begun, "the draft has some words")
    stopped = await thread.http.post("/chatkit/api/cancel", json={"thread_id": thread.thread_id})
    assert stopped.status_code == 200, stopped.text
    await writing
    (card,) = await drafts(thread)
    header, _, body = card["widget"]["children"]
    assert "Badge" not in json.dumps(header)
    assert "word3" in body["value"]
    assert body["streaming"] is False
    assert card == writer.widget()
