"""All sixteen operations with another user's ids: the answer is 404, and the user's data does not change."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.identity import Caller
from tests.support.asgi import client
from tests.support.conversations import answered
from tests.support.files import PNG
from tests.support.issuer import Issuer
from tests.support.private_data import MESSAGE, Conversation, converse, guesses
from tests.support.rows import rows_with

pytestmark = pytest.mark.anyio

VICTIM = Caller("acme", "ann")
STRANGERS = {"another user": Caller("acme", "eve"), "the same name elsewhere": Caller("globex", "ann")}


def http(resources: Resources, issuer: Issuer, caller: Caller) -> httpx2.AsyncClient:
    token = issuer.token(sub=caller.user_id, tenant_id=caller.tenant_id)
    return client(create_app(resources, streaming=True), Authorization=f"Bearer {token}")


@pytest.fixture(params=STRANGERS)
async def stranger(
    resources: Resources, issuer: Issuer, request: pytest.FixtureRequest
) -> AsyncIterator[httpx2.AsyncClient]:
    async with http(resources, issuer, STRANGERS[request.param]) as made:
        yield made


@pytest.fixture
async def theirs(resources: Resources, issuer: Issuer) -> Conversation:
    return await converse(resources, issuer, VICTIM)


NOBODYS = answered("")


@pytest.mark.parametrize(
    "operation", list(guesses(Conversation("", NOBODYS, NOBODYS, NOBODYS, NOBODYS, NOBODYS, "", "")))
)
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
