"""The fork's route over HTTP: one key makes one fork, and a title belongs to its question."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest

from assistant.api import create_app
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.threads.store import ThreadStore
from tests.support.asgi import client
from tests.support.conversations import new_thread, said
from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio

API = "/chatkit/api"
FORK = f"{API}/fork"


def client_of(resources: Resources, issuer: Issuer, caller: Caller) -> httpx2.AsyncClient:
    app = create_app(Resources(replace(resources.settings, auth_mode="jwt")), streaming=False)
    return client(app, Authorization=f"Bearer {issuer.token(sub=caller.user_id, tenant_id=caller.tenant_id)}")


async def test_the_same_key_makes_one_fork(resources: Resources, issuer: Issuer) -> None:
    ann = Caller("acme", "ann of the fork's route")
    thread, context, store = new_thread(title="A talk"), RequestContext(ann, resources), ThreadStore(resources)
    await store.save_thread(thread, context)
    items = [said(thread.id, "one"), said(thread.id, "two")]
    for item in items:
        await store.add_thread_item(thread.id, item, context)
    http = client_of(resources, issuer, ann)
    body = {"thread_id": thread.id, "item_id": items[1].id}
    key = {"idempotency-key": "fork-1"}
    answers = [await http.post(FORK, json=body, headers=key) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert (await http.post(FORK, json={**body, "item_id": items[0].id}, headers=key)).status_code == 409
    assert (await http.post(FORK, json=body)).json()["thread_id"] != answers[0].json()["thread_id"]
    listed = await store.load_threads(10, None, "desc", context)
    assert len(listed.data) == 3


async def title_of(http: httpx2.AsyncClient, thread_id: str) -> str | None:
    request = {"type": "threads.get_by_id", "params": {"thread_id": thread_id}}
    title: str | None = (await http.post(API, json=request)).json().get("title")
    return title


async def test_a_title_ends_with_the_question_that_it_was_written_from(resources: Resources, issuer: Issuer) -> None:
    bob = Caller("acme", "bob of the fork's route")
    http = client_of(resources, issuer, bob)
    for renamed in (False, True):
        begun = await http.post(API, json={"message": {"content": "my secret pw"}})
        thread_id = begun.json()["thread_id"]
        assert await title_of(http, thread_id) == "my secret pw"
        if renamed:
            rename = {"type": "threads.update", "params": {"thread_id": thread_id, "title": "My own"}}
            assert (await http.post(API, json=rename)).status_code == 200
        items = {"type": "items.list", "params": {"thread_id": thread_id, "order": "asc"}}
        first = (await http.post(API, json=items)).json()["data"][0]["id"]
        empty = await http.post(FORK, json={"thread_id": thread_id, "item_id": first, "before": True})
        assert await title_of(http, empty.json()["thread_id"]) is None
        asked = {"content": [{"type": "input_text", "text": "clean"}], "attachments": [], "inference_options": {}}
        edit = {"type": "threads.add_user_message", "params": {"thread_id": thread_id, "input": asked}}
        assert (await http.post(API, json={**edit, "metadata": {"edit_of": first}})).status_code == 200
        assert await title_of(http, thread_id) == ("My own" if renamed else "clean")
