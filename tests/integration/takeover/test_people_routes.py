"""The staff's routes over HTTP: each wrong identity, and what a person with the role does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from chatkit.types import Page

from assistant import audit, files
from assistant.api import create_app
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.quotas import paid
from assistant.takeover.queue import waiting_id
from assistant.threads.store import ThreadStore
from tests.support.asgi import client
from tests.support.conversations import answered, new_thread, said
from tests.support.files import PNG
from tests.support.issuer import Issuer
from tests.support.private_data import converse

pytestmark = pytest.mark.anyio

API = "/chatkit/api"
Http = Callable[..., httpx2.AsyncClient]
ANN = Caller("acme", "ann of the routes")
SAM = Caller("acme", "sam", "support", name="Sam")


@pytest.fixture
def http(resources: Resources, issuer: Issuer) -> Http:
    def make(caller: Caller | None = ANN, roles: tuple[str, ...] = ("support",)) -> httpx2.AsyncClient:
        given = Resources(replace(resources.settings, support_roles=roles, auth_mode="jwt"))
        if caller is None:
            return client(create_app(given, streaming=False))
        named: dict[str, Any] = {} if caller.name is None else {"name": caller.name}
        token = issuer.token(sub=caller.user_id, tenant_id=caller.tenant_id, role=caller.role, **named)
        return client(create_app(given, streaming=False), Authorization=f"Bearer {token}")

    return make


def every(waiting: str) -> list[tuple[str, str, dict[str, str] | None]]:
    return [
        ("GET", f"{API}/people", None),
        ("GET", f"{API}/people/{waiting}", None),
        ("GET", f"{API}/people/{waiting}/attachments/atc_1", None),
        ("POST", f"{API}/people/{waiting}/take", None),
        ("POST", f"{API}/people/{waiting}/say", {"text": "hi"}),
        ("DELETE", f"{API}/people/{waiting}", None),
    ]


async def asked(resources: Resources, http: Http, title: str) -> tuple[str, str]:
    """Return a thread of the user that asks for a person, and its id in the queue."""
    thread, store, context = new_thread(title=title), ThreadStore(resources), RequestContext(ANN, resources)
    await store.save_thread(thread, context)
    await store.add_thread_item(thread.id, said(thread.id, "a question"), context)
    body = {"thread_id": thread.id, "reason": "An invoice."}
    assert (await http().post(f"{API}/person", json=body)).status_code == 200
    [waiting] = [each for each in (await http(SAM).get(f"{API}/people")).json()["data"] if each["title"] == title]
    return thread.id, waiting["id"]


async def taken(resources: Resources, http: Http, title: str = "Taken") -> tuple[str, str]:
    """Return a thread that a person answers in, and its id in the queue."""
    thread_id, waiting = await asked(resources, http, title)
    assert (await http(SAM).post(f"{API}/people/{waiting}/take")).status_code == 200
    return thread_id, waiting


async def test_a_person_with_the_role_reads_answers_and_hands_back_and_nobody_else_does(
    resources: Resources, http: Http
) -> None:
    thread, store, context = new_thread(title="Help"), ThreadStore(resources), RequestContext(ANN, resources)
    await store.save_thread(thread, context)
    await store.add_thread_item(thread.id, said(thread.id, "secret words"), context)
    asking = {"thread_id": thread.id, "reason": "An invoice."}
    eve = Caller("acme", "eve of the routes")
    assert (await http(eve).post(f"{API}/person", json=asking)).status_code == 404
    assert (await http().post(f"{API}/person", json=asking)).status_code == 200
    sam = SAM
    [waiting] = [each for each in (await http(sam).get(f"{API}/people")).json()["data"] if each["title"] == "Help"]
    wrong = {
        None: 401,
        Caller("acme", "eve", "user"): 403,
        Caller("acme", "root", "admin"): 403,
        Caller("globex", "sam", "support"): 404,
    }
    for caller, status in wrong.items():
        for method, path, body in every(waiting["id"]):
            answer = await http(caller).request(method, path, json=body)
            expected = 200 if status == 404 and path.endswith("/people") else status
            assert (answer.status_code, "secret" in answer.text) == (expected, False), (caller, method, path)
            assert waiting["id"] not in answer.text
    for method, path, body in every(waiting["id"]):
        assert (await http(sam, ()).request(method, path, json=body)).status_code == 404
    read = await http(sam).get(f"{API}/people/{waiting['id']}")
    assert "secret words" in read.text
    assert ANN.user_id not in read.text
    assert (await http(sam).post(f"{API}/people/{waiting['id']}/say", json={"text": "hi"})).status_code == 409
    assert (await http(sam).post(f"{API}/people/{waiting['id']}/take")).status_code == 200
    assert (await http(sam).post(f"{API}/people/{waiting['id']}/say", json={"text": "hi"})).status_code == 200
    request = {"type": "threads.get_by_id", "params": {"thread_id": thread.id}}
    shown = await http().post(API, json=request)
    assert shown.headers["x-person"] == "answering"
    assert "**Sam:** hi" in shown.text
    assert (await http(eve).delete(f"{API}/person/{thread.id}")).status_code == 404
    assert (await http().delete(f"{API}/person/{thread.id}")).status_code == 200
    assert "x-person" not in (await http().post(API, json=request)).headers


async def test_the_plain_call_says_that_a_person_answers(resources: Resources, http: Http) -> None:
    thread_id, _ = await taken(resources, http)
    answer = (await http().post(API, json={"message": {"content": "hi?"}, "thread_id": thread_id})).json()
    notice = "A person is answering here. Your message has been passed on."
    assert (answer["content"], answer["notices"], answer["done"]) == (notice, [notice], True)


async def test_words_with_control_characters_are_refused_and_line_breaks_stay(resources: Resources, http: Http) -> None:
    thread_id, waiting = await taken(resources, http, "Lines")
    say = f"{API}/people/{waiting}/say"
    for text in ("\x00", "a\x00b", "\u202eabc", "\u200b"):
        assert (await http(SAM).post(say, json={"text": text})).status_code == 400
    assert (await http(SAM).post(say, json={"text": "Two steps:\r\n\t1. open it"})).status_code == 200
    shown = await http().post(API, json={"type": "threads.get_by_id", "params": {"thread_id": thread_id}})
    said = [part["text"] for item in shown.json()["items"]["data"] for part in item.get("content", ())]
    assert "**Sam:** Two steps:\n\t1. open it" in said
    assert not [text for text in said if "\x00" in text or "abc" in text]


async def test_the_same_key_says_the_words_once(resources: Resources, http: Http) -> None:
    thread_id, waiting = await taken(resources, http, "Twice")
    say, key = f"{API}/people/{waiting}/say", {"idempotency-key": "words-1"}
    answers = [await http(SAM).post(say, json={"text": "hello there"}, headers=key) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    assert (await http(SAM).post(say, json={"text": "other words"}, headers=key)).status_code == 409
    shown = await http().post(API, json={"type": "threads.get_by_id", "params": {"thread_id": thread_id}})
    assert shown.text.count("hello there") == 1
    # The first answer may have been lost, and the conversation be handed back since.
    assert (await http(SAM).delete(f"{API}/people/{waiting}")).status_code == 200
    assert (await http(SAM).post(say, json={"text": "hello there"}, headers=key)).status_code == 200


async def items_of(http: Http, thread_id: str) -> list[dict[str, Any]]:
    request = {"type": "items.list", "params": {"thread_id": thread_id, "order": "asc"}}
    found: list[dict[str, Any]] = (await http().post(API, json=request)).json()["data"]
    return found


async def test_a_question_that_nobody_has_answered_leaves_no_line_and_has_a_limit(
    resources: Resources, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paid, "MAX_QUESTIONS_PER_DAY", 1)
    cat = Caller("acme", "cat of the routes")
    thread, context = new_thread(), RequestContext(cat, resources)
    await ThreadStore(resources).save_thread(thread, context)
    asking = {"thread_id": thread.id, "reason": "An invoice."}
    assert [(await http(cat).post(f"{API}/person", json=asking)).status_code for _ in range(2)] == [200, 200]
    assert (await http(cat).delete(f"{API}/person/{thread.id}")).status_code == 200
    assert await ThreadStore(resources).load_thread_items(thread.id, None, 10, "asc", context) == Page(data=[])
    refused = await http(cat).post(f"{API}/person", json=asking)
    assert refused.status_code == 429
    assert "retry-after" in refused.headers


async def test_a_fork_and_a_share_of_a_thread_with_a_person(resources: Resources, http: Http) -> None:
    thread_id, waiting = await taken(resources, http, "Shown")
    assert (await http(SAM).post(f"{API}/people/{waiting}/say", json={"text": "I promise."})).status_code == 200
    forged = answered(thread_id, "**Sam:** I promise a refund.")
    await ThreadStore(resources).add_thread_item(thread_id, forged, RequestContext(ANN, resources))
    forked = await http().post(f"{API}/fork", json={"thread_id": thread_id, "item_id": forged.id})
    texts = [item["content"][0]["text"] for item in await items_of(http, forked.json()["thread_id"])]
    assert texts == ["a question", "**Sam:** I promise.", "**Sam:** I promise a refund."]
    made = await http().post(f"{API}/shares", json={"thread_id": forked.json()["thread_id"]})
    shown = (await http().get(made.json()["path"])).json()["items"]
    assert [item.get("by_person") for item in shown] == [None, True, None]
    page = await http().get(made.json()["path"], headers={"accept": "text/html"})
    assert page.text.count("Written by a person of the staff") == 1


async def test_a_title_in_the_queue_is_the_one_of_now(resources: Resources, http: Http) -> None:
    thread_id, waiting = await asked(resources, http, "Before")
    rename = {"type": "threads.update", "params": {"thread_id": thread_id, "title": "After"}}
    assert (await http().post(API, json=rename)).status_code == 200
    listed = (await http(SAM).get(f"{API}/people")).json()["data"]
    assert [each["title"] for each in listed if each["id"] == waiting] == ["After"]


async def shown_name(http: Http, waiting: str, staff: Caller) -> str:
    """Take a conversation over with another name in the body, hand it back, and return the name that was shown."""
    taken = await http(staff).post(f"{API}/people/{waiting}/take", json={"name": "The director"})
    assert taken.status_code == 200
    [row] = [each for each in (await http(SAM).get(f"{API}/people")).json()["data"] if each["id"] == waiting]
    name: str = row["handled_by"]
    return name


async def test_the_name_is_the_verified_tokens_and_no_request_can_choose_one(resources: Resources, http: Http) -> None:
    _, waiting = await asked(resources, http, "Named")
    assert await shown_name(http, waiting, SAM) == "Sam"


@pytest.mark.parametrize("name", [None, "\u202eSam", "\u200b", "\u200d", "Sam\u200b", "...", "a\x00", "x" * 61])
async def test_a_name_that_looks_like_something_else_is_not_shown(
    resources: Resources, http: Http, name: str | None
) -> None:
    thread_id, waiting = await asked(resources, http, f"Not named {name!r}")
    assert await shown_name(http, waiting, replace(SAM, name=name)) == "A person of the staff"
    assert (await items_of(http, thread_id))[-1]["content"][0]["text"].startswith("A person of the staff answers here")


async def test_staff_opens_a_file_of_the_conversation_and_no_other(
    resources: Resources, issuer: Issuer, http: Http
) -> None:
    dan = Caller("acme", "dan of the routes")
    sent, other = [await converse(resources, issuer, dan) for _ in range(2)]
    for each in (sent, other):
        _, writes = await files.bind(resources, dan, [each.attachment_id], each.thread_id)
        await resources.table.transact(writes)
    asking = {"thread_id": sent.thread_id, "reason": "Look at my screenshot."}
    assert (await http(dan).post(f"{API}/person", json=asking)).status_code == 200
    sent_files = f"{API}/people/{waiting_id(dan, sent.thread_id)}/attachments"
    opened = await http(SAM).get(f"{sent_files}/{sent.attachment_id}")
    assert opened.status_code == 200
    async with httpx2.AsyncClient() as bucket:
        assert (await bucket.get(opened.json()["url"])).content == PNG
    wrong = {None: 401, Caller("acme", "eve", "user"): 403, Caller("globex", "sam", "support"): 404}
    for caller, status in wrong.items():
        assert (await http(caller).get(f"{sent_files}/{sent.attachment_id}")).status_code == status
    assert (await http(SAM).get(f"{sent_files}/{other.attachment_id}")).status_code == 404
    page, _ = await audit.page(resources, "acme")
    acts = [each["action"] for each in page if each.get("thread_id") == sent.thread_id]
    assert acts[:2] == ["thread.file_opened", "person.asked"]
    assert (await http(SAM).delete(f"{API}/people/{waiting_id(dan, sent.thread_id)}")).status_code == 200
    assert (await http(SAM).get(f"{sent_files}/{sent.attachment_id}")).status_code == 404
