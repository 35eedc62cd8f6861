"""Export and erasure cover documents, their passages and their originals: of a user, of a thread and of a tenant."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from assistant import clock, upkeep
from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.identity import Caller
from assistant.knowledge import ingest, search
from assistant.threads import row_key
from scripts.export import export
from tests.integration.knowledge.conftest import MakeLibrarian
from tests.support.chatkit_client import ChatKitClient
from tests.support.knowledge import context_of, rows_of

pytestmark = pytest.mark.anyio


def objects_of(resources: Resources, tenant: str) -> list[str]:
    found = resources.objects.client.list_objects_v2(Bucket=resources.objects.bucket).get("Contents", [])
    return [each["Key"] for each in found if f"/{tenant}/" in each["Key"]]


async def test_an_erased_user_leaves_no_document_and_the_tenants_stay(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    user, admin = Caller("hooli", "ann"), Caller("hooli", "root", "admin")
    chat = ChatKitClient(librarian(user).http)
    await chat.say("hello")
    thread = chat.thread_id or ""
    await librarian(user).added(Space("hooli", "ann"), "a.txt", "Herons of Ann")
    of_thread = Space("hooli", "ann", thread)
    await librarian(user, scope="thread", thread_id=thread).added(of_thread, "t.txt", "Herons of the thread")
    await librarian(admin, scope="tenant").added(Space("hooli"), "all.txt", "Herons of all")
    waiting = await librarian(user).queued("late.txt", "Herons that come late")
    work = await upkeep.request_erasure(resources, user)
    assert await upkeep.erase(resources, work)
    await resources.table.delete(row_key(work))
    assert [row["text"] for row in rows_of(resources)] == ["Herons of all"]
    assert [key for key in objects_of(resources, "hooli") if "/ann/" in key] == []
    # A process that starts now finds nothing to read.
    assert await ingest(resources, Space("hooli", "ann"), waiting)
    assert len(rows_of(resources)) == 1


async def test_an_erased_tenant_leaves_nothing_of_its_groups_either(
    resources: Resources, librarian: MakeLibrarian, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = Caller("initech", "root", "admin")
    await librarian(admin, scope="tenant").added(Space("initech"), "all.txt", "Herons of all")
    of_group = librarian(admin, scope="tenant", group="tps")
    await of_group.added(Space("initech", group="tps"), "g.txt", "Herons of a group")
    await librarian(Caller("initech", "bill")).added(Space("initech", "bill"), "b.txt", "Herons of Bill")
    other = Caller("umbrella", "root", "admin")
    await librarian(other, scope="tenant").added(Space("umbrella"), "o.txt", "Herons elsewhere")
    work = await upkeep.request_tenant_erasure(resources, "initech")
    assert await upkeep.erase_tenant(resources, work)
    assert [row["text"] for row in rows_of(resources)] == ["Herons elsewhere"]
    assert objects_of(resources, "initech") == []
    # The second round of the erasure knows the groups, whose documents are gone by then.
    [again] = [
        row
        for pk in ("SWEEP#0", "SWEEP#1", "SWEEP#2", "SWEEP#3")
        for row in (await resources.table.query(pk, between=("!", "~~"), limit=100))[0]
        if row.get("again") and row.get("tenant_id") == "initech"
    ]
    assert again["groups"] == ["tps"]
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(hours=1))
    await upkeep.sweep(resources)
    assert await search(context_of(resources, admin), "herons") == []


async def test_an_export_has_the_documents_and_links_to_the_originals(
    resources: Resources, librarian: MakeLibrarian, tmp_path: Path
) -> None:
    user = Caller("pied", "ann")
    desk = librarian(user)
    chat = ChatKitClient(desk.http)
    await chat.say("Hello")
    thread_id = str(chat.thread_id)
    of_user = await desk.added(Space("pied", "ann"), "herons.txt", "Herons of Ann")
    desk.where = {"scope": "thread", "thread_id": thread_id}
    of_thread = await desk.added(Space("pied", "ann", thread_id), "storks.txt", "Storks of Ann")
    unread = await desk.queued("cranes.txt", "Cranes of Ann")
    data = json.dumps(await upkeep.account_data(resources, user), default=str)
    assert of_user in data
    assert "herons.txt" in data
    [row, _] = (await upkeep.thread_data(resources, user, thread_id))["documents"]
    assert (row["id"], row["name"]) == (of_thread, "storks.txt")

    work = await upkeep.request_export(resources, user)
    assert await upkeep.make_export(resources, work)
    after: str | None = None
    texts: dict[str, str] = {}
    async with httpx2.AsyncClient() as bucket:
        while True:
            state = await upkeep.export_state(resources, user, after)
            assert state is not None
            texts |= {each["name"]: (await bucket.get(each["url"])).text for each in state["links"]}
            after = state.get("next")
            if after is None:
                break
    assert {name: text for name, text in texts.items() if name.startswith("documents/")} == {
        f"documents/{of_user}/herons.txt": "Herons of Ann",
        f"documents/{of_thread}/storks.txt": "Storks of Ann",
        f"documents/{unread}/cranes.txt": "Cranes of Ann",
    }

    counted = await export(resources, user, tmp_path)
    assert (counted["threads"], counted["files"]) == (1, 3)
    assert (tmp_path / "documents" / of_thread).read_text() == "Storks of Ann"
