"""Who may change, list and find which documents: by role, scope, thread and group, and never by a guessed id."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from assistant.api import create_app
from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.identity import Caller
from assistant.knowledge import search
from assistant.passages import Hit
from tests.integration.knowledge.conftest import MakeLibrarian
from tests.support.asgi import client
from tests.support.chatkit_client import ChatKitClient
from tests.support.identities import IDENTITIES, Identity
from tests.support.issuer import Issuer
from tests.support.knowledge import PATH, Librarian, context_of, rows_of

pytestmark = pytest.mark.anyio

ANN, EVE, ROOT = Caller("acme", "ann"), Caller("acme", "eve"), Caller("acme", "root", "admin")


async def hits(resources: Resources, caller: Caller, thread_id: str | None = None) -> list[Hit]:
    return await search(context_of(resources, caller), "herons", thread_id=thread_id)


async def test_only_an_editors_role_changes_the_tenants_documents(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    document = await librarian(ROOT, scope="tenant").added(Space("acme"), "a.txt", "Herons")
    user = librarian(ANN, scope="tenant")
    where = {"scope": "tenant"}
    answers = [
        await user.announced("b.txt", b"Herons"),
        await user.announced("b.txt", b"Herons", document_id=document),
        await user.http.post(f"{PATH}/{document}/complete", json={"scope": "tenant"}),
        await user.http.get(PATH, params=where),
        await user.http.get(f"{PATH}/{document}", params=where),
        await user.removed(document),
    ]
    assert [each.status_code for each in answers] == [403] * 6
    # Under a scope of their own, the id leads nowhere.
    assert (await librarian(ANN).removed(document)).status_code == 404
    admin_elsewhere = librarian(Caller("globex", "root", "admin"), scope="tenant")
    assert (await admin_elsewhere.removed(document)).status_code == 404
    assert len(await hits(resources, ANN)) == 1


async def test_a_threads_documents_are_found_in_it_alone_and_go_with_it(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    chat = ChatKitClient(librarian(ANN).http)
    await chat.say("hello")
    thread = chat.thread_id or ""
    here = librarian(ANN, scope="thread", thread_id=thread)
    document = await here.added(Space("acme", "ann", thread), "a.txt", "Herons of this thread")
    assert len(await hits(resources, ANN, thread)) == 1
    assert await hits(resources, ANN) == []
    assert await hits(resources, EVE, thread) == []
    assert "Herons of this thread" in await chat.say('!tool search_knowledge {"question": "herons"}')
    listed = (await here.http.get(PATH, params=here.where)).json()["data"]
    assert [each["id"] for each in listed] == [document]
    # Another user's thread id, and one that does not exist, are the same.
    for other in (librarian(EVE, scope="thread", thread_id=thread), librarian(ANN, scope="thread", thread_id="none")):
        assert (await other.announced("b.txt", b"Herons")).status_code == 404
    await chat.post("threads.delete", thread_id=thread)
    assert rows_of(resources) == []
    assert await resources.table.get(Space("acme", "ann", thread).document(document)) is None
    listed = resources.objects.client.list_objects_v2(Bucket=resources.objects.bucket).get("Contents", [])
    assert [each["Key"] for each in listed if document in each["Key"]] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "everybody"},
        {"scope": "thread"},
        {"size": True},
        {"size": 0},
        {"name": 3},
        {"days": 0},
        {"days": "1"},
        {"scope": "tenant", "group": ""},
        {"scope": "tenant", "group": ["x"]},
        {"scope": "tenant", "group": " finance"},
        {"scope": "tenant", "group": "fin\u202eance"},
        {"scope": "tenant", "group": "\u200b"},
        {"scope": "tenant", "group": "x" * 65},
    ],
)
async def test_a_wrong_field_is_refused(resources: Resources, librarian: MakeLibrarian, fields: dict[str, Any]) -> None:
    desk_of = librarian(ROOT)
    usual = {"scope": "user", "name": "a.txt", "mime_type": "text/plain", "size": 3}
    answer = await desk_of.http.post(PATH, json={**usual, **fields})
    assert answer.status_code == 400, answer.text


@pytest.fixture
async def strangers(resources: Resources, issuer: Issuer) -> AsyncIterator[dict[str, tuple[Identity, Librarian]]]:
    app = create_app(resources, streaming=True)
    made = {
        each.name: (each, Librarian(client(app, **each.headers(issuer)), resources))
        for each in IDENTITIES
        if each.site == "users"
    }
    yield made
    for _, each in made.values():
        await each.http.aclose()


async def test_no_wrong_identity_reads_or_changes_a_document_by_any_route(
    resources: Resources, librarian: MakeLibrarian, strangers: dict[str, tuple[Identity, Librarian]]
) -> None:
    """The owner's own documents, those of the owner's thread, and the owner's tenant's."""
    chat = ChatKitClient(librarian(ANN).http)
    await chat.say("hello")
    thread = chat.thread_id or ""
    places = {
        "user": (Space("acme", "ann"), ANN, {"scope": "user"}),
        "thread": (Space("acme", "ann", thread), ANN, {"scope": "thread", "thread_id": thread}),
        "tenant": (Space("acme"), ROOT, {"scope": "tenant"}),
    }
    added = {
        name: await librarian(owner, **where).added(space, f"{name}.txt", f"The secret heron of the {name}.")
        for name, (space, owner, where) in places.items()
    }
    before = sorted(json.dumps(row, default=str) for row in rows_of(resources))
    wrong: list[tuple[str, str, int]] = []
    for title, (identity, stranger) in strangers.items():
        for name, (_, _, where) in places.items():
            document = added[name]
            fields = {**where, "name": "x.txt", "mime_type": "text/plain", "size": 1}
            more = f".{thread}" if name == "thread" else ""
            asked = [
                await stranger.http.get(f"{PATH}/{document}", params=where),
                await stranger.http.post(f"{PATH}/{document}", json=fields),
                await stranger.http.post(f"{PATH}/{document}/complete", json=where),
                await stranger.http.request("DELETE", f"{PATH}/{document}", params=where),
                await stranger.http.get(f"/chatkit/api/entities/knowledge.{name}.{document}.{more}"),
            ]
            listed = await stranger.http.get(PATH, params=where)
            # A cursor of somebody else's list is a place in the own one.
            cursor = await stranger.http.get(PATH, params={**where, "after": document})
            readable = name == "tenant" and identity.standing == "other" and title == "another user of the tenant"
            for answer in (*asked[:4], *([] if readable else asked[4:])):
                allowed = (401,) if identity.standing == "nobody" else (403, 404)
                if answer.status_code not in allowed:
                    wrong.append((title, str(answer.request.url), answer.status_code))
            wrong += [
                (title, str(answer.request.url), answer.status_code)
                for answer in (*asked, listed, cursor)
                if "secret" in answer.text or (document in answer.text and not readable)
            ]
    assert wrong == []
    assert sorted(json.dumps(row, default=str) for row in rows_of(resources)) == before


async def test_fields_that_have_no_effect_are_refused(librarian: MakeLibrarian) -> None:
    mine = librarian(ANN)
    for more in ({"tenant_id": "globex"}, {"user_id": "eve"}, {"group": "finance"}, {"thread_id": "thr_1"}):
        assert (await mine.announced("a.txt", b"Herons", **more)).status_code == 400, more
        assert (await mine.http.get(PATH, params={"scope": "user", **more})).status_code == 400, more
    document = await mine.uploaded("a.txt", b"Herons")
    path = f"{PATH}/{document}/complete"
    assert (await mine.http.post(path, json={"scope": "user", "group": "finance"})).status_code == 400
    assert (await mine.http.post(path, json={"scope": "user"})).status_code == 202


async def test_the_documents_of_a_thread_that_the_user_does_not_have_are_not_found(librarian: MakeLibrarian) -> None:
    chat = ChatKitClient(librarian(ANN).http)
    await chat.say("Hello")
    for caller, thread, status in ((ANN, chat.thread_id, 200), (EVE, chat.thread_id, 404), (ANN, "thr_none", 404)):
        where = {"scope": "thread", "thread_id": thread or ""}
        assert (await librarian(caller).http.get(PATH, params=where)).status_code == status
