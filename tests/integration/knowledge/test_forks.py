"""A fork has copies of its thread's documents, and its citations lead to them."""

from __future__ import annotations

import pytest

from assistant.aws import keys
from assistant.aws.keys import Space
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.knowledge import ingest
from assistant.threads.store import ThreadStore
from tests.integration.knowledge.conftest import MakeLibrarian
from tests.support.chatkit_client import ChatKitClient
from tests.support.knowledge import PATH

pytestmark = pytest.mark.anyio

ANN = Caller("acme", "ann of the forks")
API = "/chatkit/api"
ASK = '!tool search_knowledge {"question": "How often does the heron feed?"}'


async def test_a_fork_keeps_its_documents_and_citations_when_the_source_goes(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    first = librarian(ANN)
    chat = ChatKitClient(first.http)
    await chat.say("hello")
    source = str(chat.thread_id)
    desk = librarian(ANN, scope="thread", thread_id=source)
    original = await desk.added(Space("acme", ANN.user_id, source), "heron.txt", "The heron feeds twice a day.", days=7)
    assert "twice a day" in await chat.say(ASK)
    items = {"type": "items.list", "params": {"thread_id": source, "order": "desc"}}
    last = (await first.http.post(API, json=items)).json()["data"][0]["id"]
    made = await first.http.post(f"{API}/fork", json={"thread_id": source, "item_id": last})
    assert made.status_code == 200, made.text
    fork = made.json()["thread_id"]
    [document] = (await first.http.get(PATH, params={"scope": "thread", "thread_id": fork})).json()["data"]
    assert (document["name"], document["id"] == original) == ("heron.txt", False)
    assert document["expires_at"] is not None
    assert await ingest(resources, Space("acme", ANN.user_id, fork), document["id"])
    await ThreadStore(resources).delete_thread(source, RequestContext(ANN, resources))
    copied = {"type": "items.list", "params": {"thread_id": fork, "order": "asc"}}
    shown = (await first.http.post(API, json=copied)).json()["data"]
    notes = [note for item in shown for part in item.get("content") or () for note in part.get("annotations") or ()]
    assert notes
    for note in notes:
        opened = await first.http.get(f"{API}/entities/{note['source']['id']}")
        assert opened.status_code == 200, opened.text
    chat.thread_id = fork
    assert "twice a day" in await chat.say(ASK)
    await ThreadStore(resources).delete_thread(fork, RequestContext(ANN, resources))
    prefix = keys.attachment_prefix(ANN.tenant_id, ANN.user_id)
    assert await resources.objects.first_keys(prefix) == []


async def test_an_empty_fork_has_no_documents(resources: Resources, librarian: MakeLibrarian) -> None:
    first = librarian(ANN)
    chat = ChatKitClient(first.http)
    await chat.say("hello")
    source = str(chat.thread_id)
    desk = librarian(ANN, scope="thread", thread_id=source)
    await desk.added(Space("acme", ANN.user_id, source), "heron.txt", "The heron feeds twice a day.")
    items = {"type": "items.list", "params": {"thread_id": source, "order": "asc"}}
    question = (await first.http.post(API, json=items)).json()["data"][0]["id"]
    body = {"thread_id": source, "item_id": question, "before": True}
    fork = (await first.http.post(f"{API}/fork", json=body)).json()["thread_id"]
    found = await first.http.get(PATH, params={"scope": "thread", "thread_id": fork})
    assert found.json()["data"] == []
