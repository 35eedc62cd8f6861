"""All sixteen operations with another user's ids: the answer is 404, and the user's data does not change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx2
import pytest
from chatkit.types import ClientToolCallItem, StructuredInputFreeform, StructuredInputItem, ThreadItem, WidgetItem
from chatkit.widgets import Card, Text

from assistant.api import create_app, create_upload_app
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.ids import new_id
from assistant.threads.store import ThreadStore
from tests.support.asgi import client
from tests.support.conversations import answered, new_thread, now, said
from tests.support.files import PNG
from tests.support.issuer import Issuer
from tests.support.rows import rows_with

pytestmark = pytest.mark.anyio

VICTIM = Caller("acme", "ann")
STRANGERS = {"another user": Caller("acme", "eve"), "the same name elsewhere": Caller("globex", "ann")}
MESSAGE: dict[str, Any] = {
    "content": [{"type": "input_text", "text": "Hi"}],
    "attachments": [],
    "inference_options": {},
}


class Conversation(NamedTuple):
    """A thread of one caller with an item of each kind that an operation asks for."""

    thread_id: str
    message: ThreadItem
    answer: ThreadItem
    widget: ThreadItem
    question: ThreadItem
    call: ThreadItem
    attachment_id: str


def http(resources: Resources, issuer: Issuer, caller: Caller) -> httpx2.AsyncClient:
    token = issuer.token(sub=caller.user_id, tenant_id=caller.tenant_id)
    return client(create_app(resources, streaming=True), Authorization=f"Bearer {token}")


async def converse(resources: Resources, issuer: Issuer, caller: Caller) -> Conversation:
    token = issuer.token(sub=caller.user_id, tenant_id=caller.tenant_id)
    async with client(create_upload_app(resources), Authorization=f"Bearer {token}") as upload:
        sent = await upload.post("/chatkit/api/upload", files={"file": ("a.png", PNG, "image/png")})
    thread, store, context = new_thread(title="private"), ThreadStore(resources), RequestContext(caller, resources)
    common: dict[str, Any] = {"thread_id": thread.id, "created_at": now()}
    made = Conversation(
        thread_id=thread.id,
        message=said(thread.id, "secret"),
        answer=answered(thread.id, "secret too"),
        widget=WidgetItem(id=new_id("msg"), widget=Card(children=[Text(value="secret")]), **common),
        question=StructuredInputItem(
            id=new_id("msg"), inputs=[StructuredInputFreeform(id="q", question="?")], **common
        ),
        call=ClientToolCallItem(id=new_id("tc"), call_id="c", name="tool", arguments={}, **common),
        attachment_id=sent.json()["id"],
    )
    await store.save_thread(thread, context)
    for item in (made.message, made.answer, made.widget, made.question, made.call):
        await store.add_thread_item(thread.id, item, context)
    return made


@pytest.fixture(params=STRANGERS)
async def stranger(
    resources: Resources, issuer: Issuer, request: pytest.FixtureRequest
) -> AsyncIterator[httpx2.AsyncClient]:
    async with http(resources, issuer, STRANGERS[request.param]) as made:
        yield made


@pytest.fixture
async def theirs(resources: Resources, issuer: Issuer) -> Conversation:
    return await converse(resources, issuer, VICTIM)


def guesses(theirs: Conversation) -> dict[str, dict[str, Any]]:
    """Return the parameters that name somebody else's things, by operation."""
    thread = {"thread_id": theirs.thread_id}
    action = {"action": {"type": "tasks.complete", "payload": {}}, "item_id": theirs.widget.id}
    answers = {"status": "answered", "answers": {"q": {"values": ["x"]}}}
    return {
        "threads.create": {"input": {**MESSAGE, "attachments": [theirs.attachment_id]}},
        "threads.add_user_message": {**thread, "input": MESSAGE},
        "threads.add_client_tool_output": {**thread, "result": {"taken": "over"}},
        "threads.add_structured_input": {**thread, "item_id": theirs.question.id, "input": answers},
        "threads.retry_after_item": {**thread, "item_id": theirs.message.id},
        "threads.custom_action": {**thread, **action},
        "threads.sync_custom_action": {**thread, **action},
        "threads.get_by_id": thread,
        "threads.update": {**thread, "title": "mine now"},
        "threads.delete": thread,
        "items.list": thread,
        "items.feedback": {**thread, "item_ids": [theirs.answer.id], "kind": "negative"},
        "attachments.delete": {"attachment_id": theirs.attachment_id},
    }


NOBODYS = answered("")


@pytest.mark.parametrize("operation", list(guesses(Conversation("", NOBODYS, NOBODYS, NOBODYS, NOBODYS, NOBODYS, ""))))
async def test_a_guessed_id_is_not_found(
    resources: Resources, stranger: httpx2.AsyncClient, theirs: Conversation, operation: str
) -> None:
    before = rows_with(resources, theirs.thread_id, theirs.attachment_id)
    answer = await stranger.post("/chatkit/api", json={"type": operation, "params": guesses(theirs)[operation]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    if "thread_id" in guesses(theirs)[operation]:
        assert answer.json()["error"]["message"] == "This conversation does not exist. It may have been deleted."
    assert "secret" not in answer.text
    assert rows_with(resources, theirs.thread_id, theirs.attachment_id) == before


@pytest.mark.parametrize(
    ("operation", "own"),
    [
        ("threads.add_structured_input", "question"),
        ("threads.retry_after_item", "message"),
        ("threads.custom_action", "widget"),
        ("threads.sync_custom_action", "widget"),
        ("items.feedback", "answer"),
    ],
)
async def test_a_guessed_item_is_not_found_in_a_thread_of_ones_own(
    resources: Resources, issuer: Issuer, theirs: Conversation, operation: str, own: str
) -> None:
    mine = await converse(resources, issuer, STRANGERS["another user"])
    before = rows_with(resources, theirs.thread_id)
    params = {**guesses(theirs)[operation], "thread_id": mine.thread_id}
    async with http(resources, issuer, STRANGERS["another user"]) as eve:
        answer = await eve.post("/chatkit/api", json={"type": operation, "params": params})
    assert answer.status_code == 404
    assert rows_with(resources, theirs.thread_id) == before


async def test_a_guessed_attachment_cannot_be_sent_in_a_thread_of_ones_own(
    resources: Resources, issuer: Issuer, theirs: Conversation
) -> None:
    mine = await converse(resources, issuer, STRANGERS["another user"])
    params = {"thread_id": mine.thread_id, "input": {**MESSAGE, "attachments": [theirs.attachment_id]}}
    async with http(resources, issuer, STRANGERS["another user"]) as eve:
        answer = await eve.post("/chatkit/api", json={"type": "threads.add_user_message", "params": params})
    assert answer.status_code == 404


async def test_a_guessed_attachment_gets_no_url(stranger: httpx2.AsyncClient, theirs: Conversation) -> None:
    answer = await stranger.get(f"/chatkit/api/attachments/{theirs.attachment_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_lists_show_ones_own_and_nothing_else(resources: Resources, issuer: Issuer, theirs: Conversation) -> None:
    mine = await converse(resources, issuer, STRANGERS["another user"])
    async with http(resources, issuer, STRANGERS["another user"]) as eve:
        for params in ({}, {"after": theirs.thread_id, "order": "asc"}, {"after": theirs.thread_id, "order": "desc"}):
            threads = await eve.post("/chatkit/api", json={"type": "threads.list", "params": params})
            assert theirs.thread_id not in threads.text
        for order in ("asc", "desc"):
            params = {"thread_id": mine.thread_id, "after": theirs.message.id, "order": order}
            items = (await eve.post("/chatkit/api", json={"type": "items.list", "params": params})).json()
            assert all(item["thread_id"] == mine.thread_id for item in items["data"])


async def test_operations_without_an_id_create_the_callers_own_data(
    resources: Resources, stranger: httpx2.AsyncClient, theirs: Conversation
) -> None:
    before = rows_with(resources, theirs.thread_id, theirs.attachment_id)
    params = {"name": "a.png", "size": len(PNG), "mime_type": "image/png"}
    made = await stranger.post("/chatkit/api", json={"type": "attachments.create", "params": params})
    assert made.status_code == 200
    assert made.json()["id"] != theirs.attachment_id
    spoken = {"audio_base64": "AAAA", "mime_type": "audio/webm"}
    answer = await stranger.post("/chatkit/api", json={"type": "input.transcribe", "params": spoken})
    assert answer.status_code in (200, 400)
    assert rows_with(resources, theirs.thread_id, theirs.attachment_id) == before


async def test_their_owner_reaches_all_of_it(resources: Resources, issuer: Issuer, theirs: Conversation) -> None:
    async with http(resources, issuer, VICTIM) as ann:
        for operation in ("threads.get_by_id", "items.list", "items.feedback", "threads.update", "attachments.delete"):
            answer = await ann.post("/chatkit/api", json={"type": operation, "params": guesses(theirs)[operation]})
            assert answer.status_code == 200
