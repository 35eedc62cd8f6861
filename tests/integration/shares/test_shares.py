"""Shares over HTTP: what a reader sees, who may read, and when a link stops to work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from chatkit.types import GeneratedImage, GeneratedImageItem

from assistant import clock
from assistant.api import create_app
from assistant.aws import keys
from assistant.context import RequestContext, Resources
from assistant.files import keep_picture_bytes
from assistant.identity import Caller
from assistant.shares import sharing
from assistant.threads.store import ThreadStore
from assistant.upkeep import account_data, erase, request_erasure
from tests.support.asgi import client
from tests.support.conversations import answered, hidden, new_thread, one_of_each_kind, said
from tests.support.files import PNG
from tests.support.issuer import Issuer
from tests.support.private_data import converse
from tests.support.rows import keys_of

pytestmark = pytest.mark.anyio

Http = Callable[..., httpx2.AsyncClient]
SHARES = "/chatkit/api/shares"


@pytest.fixture
def ann(request: pytest.FixtureRequest) -> Caller:
    return Caller("acme", f"ann {request.node.name}")


@pytest.fixture
def http(resources: Resources, issuer: Issuer, ann: Caller) -> Http:
    def make(caller: Caller | None = ann, shares: Any = "tenant", auth: Any = "jwt") -> httpx2.AsyncClient:
        given = Resources(replace(resources.settings, shares=shares, auth_mode=auth))
        headers = {}
        if caller is not None:
            token = issuer.token(sub=caller.user_id, tenant_id=caller.tenant_id)
            headers = {"Authorization": f"Bearer {token}"}
        return client(create_app(given, streaming=False), **headers)

    return make


async def shared(who: httpx2.AsyncClient, thread_id: str, **more: Any) -> dict[str, Any]:
    answer = await who.post(SHARES, json={"thread_id": thread_id, **more})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def a_talk(resources: Resources, ann: Caller) -> str:
    thread, context = new_thread(title="A talk"), RequestContext(ann, resources)
    store = ThreadStore(resources)
    await store.save_thread(thread, context)
    items = [said(thread.id, "a question"), hidden(thread.id, "hidden words"), *one_of_each_kind(thread.id)[2:]]
    for item in [*items, answered(thread.id, "an answer")]:
        await store.add_thread_item(thread.id, item, context)
    return thread.id


async def test_a_colleague_reads_messages_and_widgets_and_nothing_else(
    resources: Resources, http: Http, ann: Caller
) -> None:
    thread_id = await a_talk(resources, ann)
    made = await shared(http(), thread_id)
    await ThreadStore(resources).add_thread_item(
        thread_id, said(thread_id, "said later"), RequestContext(ann, resources)
    )
    answer = await http(Caller("acme", "bob")).get(made["path"])
    assert answer.status_code == 200
    assert [item["type"] for item in answer.json()["items"]] == ["user_message", "widget", "assistant_message"]
    assert "hidden words" not in answer.text
    assert "said later" not in answer.text
    assert ann.user_id not in answer.text
    assert thread_id not in answer.text
    page = await http(Caller("acme", "bob")).get(made["path"], headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "an answer" in page.text


async def test_others_and_wrong_links_get_the_same_answer(resources: Resources, http: Http, ann: Caller) -> None:
    made = await shared(http(), await a_talk(resources, ann))
    unknown = f"/chatkit/api/shared/{'x' * len(made['token'])}"
    for caller in (Caller("globex", ann.user_id), Caller("acme#bob", "bob")):
        theirs, wrong = await http(caller).get(made["path"]), await http(caller).get(unknown)
        assert (theirs.status_code, theirs.content) == (404, wrong.content)
    for mode in ("tenant", "public"):
        theirs, wrong = await http(None, mode).get(made["path"]), await http(None, mode).get(unknown)
        assert (theirs.status_code, theirs.content) == (401, wrong.content)
    assert (await http(shares="off").get(made["path"])).status_code == 404
    assert (await http(shares="off").post(SHARES, json={"thread_id": "x"})).status_code == 404


async def test_a_public_link_needs_the_setting_when_it_is_made_and_when_it_is_opened(
    resources: Resources, http: Http, ann: Caller
) -> None:
    thread_id = await a_talk(resources, ann)
    assert (await http().post(SHARES, json={"thread_id": thread_id, "public": True})).status_code == 403
    made = await shared(http(shares="public"), thread_id, public=True)
    assert (await http(None, "public").get(made["path"])).status_code == 200
    assert (await http(Caller("globex", "bob"), "public").get(made["path"])).status_code == 200
    assert (await http(None).get(made["path"])).status_code == 401
    assert (await http(Caller("globex", "bob")).get(made["path"])).status_code == 404


async def test_files_are_part_of_it_only_if_asked_for(
    resources: Resources, issuer: Issuer, http: Http, ann: Caller
) -> None:
    theirs = await converse(resources, issuer, ann)
    context = RequestContext(ann, resources)
    store = ThreadStore(resources)
    attachment = await store.load_attachment(theirs.attachment_id, context)
    await store.add_thread_item(theirs.thread_id, said(theirs.thread_id, attachments=[attachment]), context)
    bob = http(Caller("acme", "bob"))
    without = await bob.get((await shared(http(), theirs.thread_id))["path"])
    assert theirs.attachment_id not in without.text
    assert "a.png" not in without.text
    with_files = await bob.get((await shared(http(), theirs.thread_id, files=True))["path"])
    [file] = with_files.json()["items"][-1]["files"]
    assert file["name"] == "a.png"
    assert "X-Amz-Signature" in file["url"]


async def test_a_url_of_a_file_names_nobody_and_ends_with_its_link(
    resources: Resources, issuer: Issuer, http: Http, ann: Caller
) -> None:
    theirs = await converse(resources, issuer, ann)
    context, store = RequestContext(ann, resources), ThreadStore(resources)
    attachment = await store.load_attachment(theirs.attachment_id, context)
    await store.add_thread_item(theirs.thread_id, said(theirs.thread_id, attachments=[attachment]), context)
    picture = await keep_picture_bytes(PNG, theirs.thread_id, context)
    item = GeneratedImageItem(
        id="ig_1", thread_id=theirs.thread_id, created_at=clock.now(), image=GeneratedImage(id="p", url=picture)
    )
    await store.add_thread_item(theirs.thread_id, item, context)
    reader = http(None, "public")
    made = [await shared(http(shares="public"), theirs.thread_id, public=True, files=True) for _ in range(3)]
    urls: list[list[str]] = []
    for each in made:
        shown = (await reader.get(each["path"])).json()
        found = [file["url"] for item in shown["items"] for file in [*item.get("files", []), item] if "url" in file]
        assert len(found) >= 2
        assert not any(word in url for url in found for word in ("acme", "ann", "thr_", "atc_", attachment.id))
        urls.append(found)
    async with httpx2.AsyncClient() as bucket:
        for url in [*urls[0], *urls[1], *urls[2]]:
            assert (await bucket.get(url)).status_code == 200
        assert (await http().delete(f"{SHARES}/{made[0]['id']}")).status_code == 200
        assert {(await bucket.get(url)).status_code for url in urls[0]} == {404}
        assert {(await bucket.get(url)).status_code for url in urls[1]} == {200}
        await store.delete_thread(theirs.thread_id, context)
        assert {(await bucket.get(url)).status_code for url in urls[1]} == {404}
    assert await resources.objects.first_keys(keys.share_object_prefix(sharing._hash(made[2]["token"]))) == []


async def test_an_owner_lists_and_revokes_and_nobody_else_does(resources: Resources, http: Http, ann: Caller) -> None:
    thread_id = await a_talk(resources, ann)
    first, second = await shared(http(), thread_id), await shared(http(), thread_id, days=1)
    listed = (await http().get(SHARES)).json()
    assert [each["id"] for each in listed["data"]] == [second["id"], first["id"]]
    assert first["token"] not in str(listed)
    account = str(await account_data(resources, ann))
    assert first["id"] in account, "the export has the shares"
    assert first["token"] not in account
    eve = Caller("acme", f"eve of {ann.user_id}")
    assert (await http(eve).get(SHARES)).json() == {"data": [], "next": None}
    assert (await http(eve).get(SHARES, params={"after": second["id"]})).json()["data"] == []
    assert (await http(eve).delete(f"{SHARES}/{first['id']}")).status_code == 404
    assert (await http().get(first["path"])).status_code == 200
    assert (await http().delete(f"{SHARES}/{first['id']}")).status_code == 200
    assert (await http().get(first["path"])).status_code == 404
    assert (await http().get(second["path"])).status_code == 200
    assert [each["id"] for each in (await http().get(SHARES)).json()["data"]] == [second["id"]]


async def test_the_same_key_makes_one_link(resources: Resources, http: Http, ann: Caller) -> None:
    body, key = {"thread_id": await a_talk(resources, ann)}, {"idempotency-key": "link-1"}
    answers = await asyncio.gather(*(http().post(SHARES, json=body, headers=key) for _ in range(2)))
    answers.append(await http().post(SHARES, json=body, headers=key))
    assert [each.status_code for each in answers] == [200, 200, 200]
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert (await http().get(answers[2].json()["path"])).status_code == 200
    assert len((await http().get(SHARES)).json()["data"]) == 1
    assert (await http().post(SHARES, json={**body, "days": 1}, headers=key)).status_code == 409
    between = (keys.IDEMPOTENCY_PREFIX, keys.IDEMPOTENCY_END)
    rows, _ = await resources.table.query(ann.partition, between=between, limit=10)
    assert answers[0].json()["token"] not in str(rows)


async def test_a_browser_reads_a_refusal_as_a_page_and_html_can_be_refused(
    resources: Resources, http: Http, ann: Caller
) -> None:
    made = await shared(http(), await a_talk(resources, ann))
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for who, path, status in ((http(), f"/chatkit/api/shared/{'x' * 43}", 404), (http(None), made["path"], 401)):
        answer = await who.get(path, headers=browser)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert "script" not in answer.text
    refusing = await http().get(made["path"], headers={"accept": "text/html;q=0, application/json"})
    assert refusing.json()["title"] == "A talk"


async def test_a_link_expires(resources: Resources, http: Http, ann: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await shared(http(), await a_talk(resources, ann), days=1)
    later = clock.now() + timedelta(days=1, minutes=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await http().get(made["path"])).status_code == 404
    assert (await http().get(SHARES)).json()["data"] == []


@pytest.mark.parametrize("how", ["thread", "owner"])
async def test_a_share_goes_with_its_thread_and_with_its_owner(
    resources: Resources, http: Http, ann: Caller, how: str
) -> None:
    thread_id = await a_talk(resources, ann)
    made = await shared(http(), thread_id)
    if how == "thread":
        await ThreadStore(resources).delete_thread(thread_id, RequestContext(ann, resources))
    else:
        assert await erase(resources, await request_erasure(resources, ann))
    assert (await http(Caller("acme", "bob")).get(made["path"])).status_code == 404
    left = [sk for pk, sk in keys_of(resources, thread_id) if not pk.startswith("SWEEP#")]
    assert [each for each in left if each != "~meta"] == []
    assert await resources.table.get(keys.share_key(sharing._hash(made["token"]))) is None
    assert await resources.objects.first_keys(ann.thread(thread_id).object_prefix) == []


async def test_links_and_views_have_limits(
    resources: Resources, http: Http, ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread_id = await a_talk(resources, ann)
    made = await shared(http(), thread_id)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    monkeypatch.setattr(sharing, "MAX_VIEWS_PER_MINUTE", 2)
    codes = [(await http().get(made["path"])).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    monkeypatch.setattr("assistant.quotas.paid.MAX_SHARES_PER_DAY", 1)
    assert (await http().post(SHARES, json={"thread_id": thread_id})).status_code == 429
    for wrong in ({"days": 0}, {"days": 91}, {"days": "1"}, {"days": True}, {"public": 1}, {"item_id": 5}):
        assert (await http().post(SHARES, json={"thread_id": thread_id, **wrong})).status_code == 400
