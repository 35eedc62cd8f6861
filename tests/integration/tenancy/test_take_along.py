"""A visitor who signs in takes their threads along."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from assistant import audit, clock, takeover, upkeep
from assistant.api import create_app, create_upload_app
from assistant.context import RequestContext
from assistant.identity import VISITOR_COOKIE, Caller
from assistant.memory import add_fact, load_memory
from assistant.observability import user_hash
from assistant.takeover.queue import waiting_id
from assistant.upkeep import erase, request_erasure, sweep, visitors
from tests.integration.tenancy.test_visitors import API, HELLO, LIST, Site, forged, visitor_of
from tests.support.asgi import Call, client
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio

TAKE = f"{API}/visitor/take-along"


@pytest.fixture
def site(aws_environment: Aws, issuer: Issuer) -> Site:
    return Site(aws_environment, issuer)


async def take(site: Site, user: str | None, **body: Any) -> Any:
    """Take threads along, and return the answer."""
    async with site.client(user) as http:
        return await http.post(TAKE, json=body)


async def listed(site: Site, token: str) -> list[str]:
    """Return the ids of the threads in a caller's list."""
    return [each["id"] for each in (await site.post(token, LIST)).json()["data"]]


async def lived(site: Site, token: str) -> ChatKitClient:
    """Let a visitor hold a conversation with a picture, a file and thoughts."""
    async with client(create_upload_app(site.resources), authorization=f"Bearer {token}") as upload:
        sent = await upload.post(f"{API}/upload", files={"file": ("heron.txt", b"the heron flies", "text/plain")})
    http = client(create_app(site.resources, streaming=True), authorization=f"Bearer {token}")
    ann = ChatKitClient(http)
    await ann.say("!image")
    await ann.say("what is in the file?", attachments=[sent.json()["id"]])
    await ann.say("!think")
    return ann


async def test_all_of_a_thread_comes_along_and_the_visitor_no_longer_reads_it(site: Site, issuer: Issuer) -> None:
    visitor, user = await site.token("198.51.100.1"), issuer.token(sub="ann-takes", tenant_id="acme")
    ann = await lived(site, visitor)
    before = await ann.items()
    assert await listed(site, visitor) == [ann.thread_id]
    answer = await take(site, user, visitor_token=visitor)
    assert (answer.status_code, answer.json()) == (200, {"threads": 1, "pending": 0})
    assert await listed(site, visitor) == []
    assert await listed(site, user) == [ann.thread_id]
    read = {"type": "threads.get_by_id", "params": {"thread_id": ann.thread_id}}
    assert (await site.post(visitor, read)).status_code == 404
    message = {"content": [{"type": "input_text", "text": "hi"}], "attachments": [], "inference_options": {}}
    add = {"type": "threads.add_user_message", "params": {"thread_id": ann.thread_id, "input": message}}
    assert (await site.post(visitor, add)).status_code == 404

    signed_in = ChatKitClient(client(create_app(site.resources, streaming=True), authorization=f"Bearer {user}"))
    signed_in.thread_id = ann.thread_id
    after = await signed_in.items()
    assert [(item["id"], item["type"]) for item in after] == [(item["id"], item["type"]) for item in before]
    assert {"generated_image", "workflow"} <= {item["type"] for item in after}
    picture = next(item for item in after if item["type"] == "generated_image")
    file = next(part for item in after for part in item.get("attachments", []))
    async with site.client(user) as http:
        opened = await http.get(f"{API}/attachments/{file['id']}")
        assert opened.status_code == 200
    async with httpx2.AsyncClient() as web:
        assert (await web.get(picture["image"]["url"])).status_code == 200
        assert (await web.get(opened.json()["url"])).content == b"the heron flies"
    assert await signed_in.say("hello again")
    # Nothing of the visitor's threads and files is left.
    owner = Caller("visitors", visitor_of(visitor))
    for prefix in ("items", "attachments"):
        assert await site.resources.objects.first_keys(f"{prefix}/{owner.tenant_id}/{owner.user_id}/") == []

    again = await take(site, user, visitor_token=visitor)
    assert (again.status_code, again.json()) == (200, {"threads": 0, "pending": 0})
    assert await listed(site, user) == [ann.thread_id]
    trail = [each async for each in audit.entries(site.resources, "acme", user_id="ann-takes")]
    (entry,) = [each for each in trail if each["action"] == "threads.taken_along"]
    assert (entry["about"], entry["threads"]) == (user_hash("acme", visitor_of(visitor), ""), 1)


async def test_threads_that_a_visitor_starts_later_stay_and_come_along_later(site: Site, issuer: Issuer) -> None:
    visitor = await site.token("198.51.100.2")
    ann, bob = issuer.token(sub="ann-first", tenant_id="acme"), issuer.token(sub="bob-second", tenant_id="acme")
    await site.post(visitor, HELLO)
    await take(site, ann, visitor_token=visitor)
    (first,) = await listed(site, ann)
    # Another person at the same computer.
    await site.post(visitor, HELLO)
    (second,) = await listed(site, visitor)
    await take(site, bob, visitor_token=visitor)
    assert await listed(site, ann) == [first]
    assert await listed(site, bob) == [second]


async def test_facts_come_along_also_without_a_thread(site: Site, issuer: Issuer) -> None:
    visitor, user = await site.token("198.51.100.11"), issuer.token(sub="ann-facts", tenant_id="acme")
    caller = Caller("visitors", visitor_of(visitor), visitor=True)
    await add_fact("Likes herons.", RequestContext(caller, site.resources), source="asked", thread_id=None)
    assert (await take(site, user, visitor_token=visitor)).status_code == 200
    facts = (await load_memory(site.resources.table, Caller("acme", "ann-facts"))).facts
    assert [fact.text for fact in facts] == ["Likes herons."]
    assert (await load_memory(site.resources.table, caller)).facts == []


async def test_a_thread_says_that_its_person_is_gone(aws_environment: Aws, issuer: Issuer) -> None:
    site = Site(aws_environment, issuer, SUPPORT_ROLES="support")
    visitor, user = await site.token("198.51.100.12"), issuer.token(sub="ann-has-sam", tenant_id="acme")
    await site.post(visitor, HELLO)
    (thread_id,) = await listed(site, visitor)
    owner = Caller("visitors", visitor_of(visitor), visitor=True)
    sam = RequestContext(Caller("visitors", "sam", "support"), site.resources)
    context = RequestContext(owner, site.resources, language="de")
    await takeover.ask(thread_id, "Eine Rechnung.", context)
    await takeover.take_over(await takeover.find_waiting(waiting_id(owner, thread_id), sam), sam)
    assert (await take(site, user, visitor_token=visitor)).json() == {"threads": 1, "pending": 0}
    found = await site.post(user, {"type": "threads.get_by_id", "params": {"thread_id": thread_id}})
    assert found.json()["items"]["data"][-1]["content"][0]["text"] == "Hier antwortet wieder der Assistent."
    assert "x-person" not in found.headers


async def test_expiry_is_that_of_users(aws_environment: Aws, issuer: Issuer) -> None:
    site = Site(aws_environment, issuer, RETENTION_DAYS="30")
    visitor, user = await site.token("198.51.100.3"), issuer.token(sub="ann-expires", tenant_id="acme")
    await site.post(visitor, HELLO)
    await take(site, user, visitor_token=visitor)
    (thread_id,) = await listed(site, user)
    pk = Caller("acme", "ann-expires").thread(thread_id).partition
    rows = [row async for row in site.resources.table.rows(pk, between=("!", "~~"), page=100)]
    visitors_row = {row["sk"]: row.get("expires_at") for row in rows if not row["sk"].startswith("~turn")}
    assert all(29 < (each - clock.now().timestamp()) / 86_400 <= 30 for each in visitors_row.values() if each)
    assert any(visitors_row.values())


async def test_a_running_turn_is_ended_first_and_its_answer_is_kept(site: Site, issuer: Issuer) -> None:
    visitor, user = await site.token("198.51.100.4"), issuer.token(sub="ann-runs", tenant_id="acme")
    app = create_app(site.resources, streaming=True)
    message = {"content": [{"type": "input_text", "text": "!slow 60"}], "attachments": [], "inference_options": {}}
    call = Call(
        "POST",
        API,
        json.dumps({"type": "threads.create", "params": {"input": message}}).encode(),
        {"authorization": f"Bearer {visitor}", "content-type": "application/json", "x-test-address": "198.51.100.4"},
    )
    running = asyncio.create_task(call.run(app))
    await call.until(lambda: b"text_delta" in call.body)
    async with client(app, authorization=f"Bearer {user}") as http:
        answer = await http.post(TAKE, json={"visitor_token": visitor})
    assert (answer.status_code, answer.json()) == (200, {"threads": 1, "pending": 0})
    await running
    # The same text for every request that ends an answer, so it names none.
    assert b"A later request or a person ended this answer." in call.body
    (thread_id,) = await listed(site, user)
    assert await listed(site, visitor) == []
    reader = ChatKitClient(client(app, authorization=f"Bearer {user}"), thread_id=thread_id)
    items = await reader.items()
    assert [item for item in items if item["type"] == "assistant_message"], "the partial answer is kept"


async def test_what_the_request_has_no_time_for_the_sweep_does(
    site: Site, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor, user = await site.token("198.51.100.5"), issuer.token(sub="ann-slow", tenant_id="acme")
    for _ in range(3):
        await site.post(visitor, HELLO)
    monkeypatch.setattr("assistant.api.visitor.TAKE_ALONG_SECONDS", -1.0)
    answer = await take(site, user, visitor_token=visitor)
    assert (answer.status_code, answer.json()) == (202, {"threads": 0, "pending": 3})
    assert (await sweep(site.resources)).failed == 0
    assert len(await listed(site, user)) == 3
    assert await listed(site, visitor) == []


async def test_of_two_users_at_once_one_gets_the_threads_and_the_other_is_told_so(
    site: Site, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = await site.token("198.51.100.10")
    winner, loser = issuer.token(sub="ann-wins", tenant_id="acme"), issuer.token(sub="bob-loses", tenant_id="acme")
    await site.post(visitor, HELLO)
    take_along, answers = upkeep.take_along, []

    async def after_the_other(resources: Any, work: Any, **more: Any) -> bool:
        if work["user_id"] == "bob-loses":
            answers.append(await take(site, winner, visitor_token=visitor))
        return await take_along(resources, work, **more)

    monkeypatch.setattr(upkeep, "take_along", after_the_other)
    answers.append(await take(site, loser, visitor_token=visitor))
    assert [(each.status_code, each.json()) for each in answers] == [
        (200, {"threads": 1, "pending": 0}),
        (200, {"threads": 0, "pending": 0}),
    ]
    assert (len(await listed(site, winner)), await listed(site, loser)) == (1, [])


async def test_a_visitor_with_too_many_threads_takes_none_along(
    site: Site, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor, user = await site.token("198.51.100.6"), issuer.token(sub="ann-many", tenant_id="acme")
    for _ in range(2):
        await site.post(visitor, HELLO)
    monkeypatch.setattr(visitors, "MAX_THREADS", 1)
    assert (await take(site, user, visitor_token=visitor)).status_code == 413
    assert len(await listed(site, visitor)) == 2
    assert await listed(site, user) == []


async def test_the_cookie_counts_as_the_visitors_token(aws_environment: Aws, issuer: Issuer) -> None:
    site = Site(aws_environment, issuer, VISITOR_COOKIE="true")
    cookie = (await site.visit("198.51.100.7")).headers["set-cookie"].split(";")[0]
    async with site.client(cookie=cookie) as http:
        await http.post(API, json=HELLO)
    user = issuer.token(sub="ann-cookie", tenant_id="acme")
    async with site.client(user, cookie=cookie) as http:
        answer = await http.post(TAKE, json={})
        assert (answer.status_code, answer.json()["threads"]) == (200, 1)
    assert cookie.startswith(VISITOR_COOKIE)


async def test_only_a_signed_in_user_with_a_valid_visitors_token_takes_threads(site: Site, issuer: Issuer) -> None:
    visitor, user = await site.token("198.51.100.8"), issuer.token(sub="ann-valid", tenant_id="acme")
    await site.post(visitor, HELLO)
    other = await site.token("198.51.100.8")
    assert (await take(site, None, visitor_token=visitor)).status_code == 401
    assert (await take(site, other, visitor_token=visitor)).status_code == 403
    for token in (forged(key="x" * 32), user, issuer.token(sub=visitor_of(visitor)), "", None):
        assert (await take(site, user, visitor_token=token)).status_code == 401, token
    assert (await take(site, user)).status_code == 401
    assert (await take(site, user, visitor_token=5)).status_code == 400
    assert len(await listed(site, visitor)) == 1


async def test_other_deployments_have_no_such_route(aws_environment: Aws, issuer: Issuer) -> None:
    site = Site(aws_environment, issuer, AUTH_MODE="jwt")
    assert (await take(site, issuer.token(sub="ann"), visitor_token=forged())).status_code == 404


async def test_threads_on_their_way_are_erased_with_their_new_owner(
    site: Site, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor, user = await site.token("198.51.100.9"), issuer.token(sub="ann-erased", tenant_id="acme")
    for _ in range(2):
        await site.post(visitor, HELLO)
    monkeypatch.setattr("assistant.api.visitor.TAKE_ALONG_SECONDS", -1.0)
    assert (await take(site, user, visitor_token=visitor)).json() == {"threads": 0, "pending": 2}
    assert await erase(site.resources, await request_erasure(site.resources, Caller("acme", "ann-erased")))
    assert await listed(site, visitor) == await listed(site, user) == []
    # The sweep finds the work of the move, which has nothing left to do.
    assert (await sweep(site.resources)).failed == 0
    assert await listed(site, user) == []
