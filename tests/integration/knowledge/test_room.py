"""The limit on a user's and a thread's documents: it holds under races, and what is removed or refused makes room."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from assistant import clock
from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.identity import Caller
from assistant.knowledge import announce, page
from tests.integration.knowledge.conftest import MakeLibrarian
from tests.integration.knowledge.test_rights import hits
from tests.support.chatkit_client import ChatKitClient
from tests.support.knowledge import PATH, context_of

pytestmark = pytest.mark.anyio


async def test_a_user_has_a_limited_number_of_documents_and_a_visitor_none(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    kai = librarian(Caller("acme", "kai"))
    for number in range(resources.settings.knowledge.own_documents):
        assert (await kai.announced(f"{number}.txt", b"Herons")).status_code == 200
    assert (await kai.announced("more.txt", b"Herons")).status_code == 413
    guest = Caller("acme", "ann", visitor=True)
    assert [hit.space for hit in await hits(resources, guest)] == []


async def test_the_limit_on_documents_holds_if_several_are_added_at_once(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    caller, most = Caller("acme", "lou"), 4
    resources.settings = replace(
        resources.settings, knowledge=replace(resources.settings.knowledge, own_documents=most)
    )
    chat = ChatKitClient(librarian(caller).http)
    await chat.say("hello")
    for mine in (librarian(caller), librarian(caller, scope="thread", thread_id=chat.thread_id or "")):
        before = int((await mine.http.get("/chatkit/api/usage")).json()["uploads"])
        first = await mine.uploaded("0.txt", b"Herons")
        answers = await asyncio.gather(*(mine.announced(f"{number}.txt", b"Herons") for number in range(1, 8)))
        assert sorted(answer.status_code for answer in answers) == [200] * 3 + [413] * 4
        listed = (await mine.http.get(PATH, params=mine.where)).json()["data"]
        assert len(listed) == most
        # The refused ones do not count as uploads.
        assert (await mine.http.get("/chatkit/api/usage")).json()["uploads"] == before + most
        # A new version needs no place, and a removed document frees its place.
        assert (await mine.announced("0.txt", b"Egrets", document_id=first)).status_code == 200
        assert (await mine.removed(listed[-1]["id"])).status_code == 200
        again = await asyncio.gather(*(mine.announced(f"{name}.txt", b"Herons") for name in "ab"))
        assert sorted(answer.status_code for answer in again) == [200, 413]


async def test_a_refused_request_is_no_upload_and_an_abandoned_one_gives_its_place_back(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = Caller("acme", "counted")
    mine = librarian(caller)

    async def uploads() -> int:
        return int((await mine.http.get("/chatkit/api/usage")).json()["uploads"])

    assert (await mine.announced("a.txt", b"Herons", document_id="doc_none")).status_code == 404
    lost = librarian(caller, scope="thread", thread_id="thr_none")
    assert (await lost.announced("a.txt", b"Herons")).status_code == 404
    assert await uploads() == 0
    most = resources.settings.knowledge.own_documents
    answers = [await mine.announced(f"{number}.txt", b"Herons") for number in range(most + 1)]
    assert [answer.status_code for answer in answers] == [200] * most + [413]
    assert await uploads() == most
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(minutes=16))
    # `announce` sees the time; the token of a new request would have expired.
    await announce(context_of(resources, caller), Space("acme", "counted"), name="b", mime_type="text/plain", size=6)
    found, _ = await page(context_of(resources, caller), Space("acme", "counted"))
    assert [each.name for each in found] == ["b"]
