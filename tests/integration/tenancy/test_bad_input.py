"""Malicious ids, cursors and limits get a 4xx, never a 500, and never reach another partition."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from assistant.api import create_app
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.operations import reads
from assistant.operations.dispatch import MAX_TITLE_CHARACTERS
from assistant.threads.pages import MAX_PAGE_ROWS
from assistant.threads.store import ThreadStore
from tests.support.asgi import client
from tests.support.conversations import new_thread, said
from tests.support.faults import failing
from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio

MESSAGE = {"content": [{"type": "input_text", "text": "Hi"}], "attachments": [], "inference_options": {}}
BAD_IDS = {
    "empty": "",
    "a separator": "thr#1",
    "another partition": "x#globex#bob#thr_1",
    "a row's name": "~meta",
    "a prefix": "I#",
    "an encoded separator": "%23",
    "a slash": "../../items",
    "a NUL": "thr\x00",
    "2 KB of emoji": "😀" * 512,
    "700 letters": "x" * 700,
    "a newline": "a\nb",
    "direction marks": "\u202ethr\u202c",
}


@pytest.fixture
async def http(resources: Resources, issuer: Issuer) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(resources, streaming=True)
    async with client(app, Authorization=f"Bearer {issuer.token(sub='ann', tenant_id='acme')}") as made:
        yield made


@pytest.fixture
async def thread_id(resources: Resources) -> str:
    thread, context = new_thread(), RequestContext(Caller("acme", "ann"), resources)
    await ThreadStore(resources).save_thread(thread, context)
    for text in ("one", "two"):
        await ThreadStore(resources).add_thread_item(thread.id, said(thread.id, text), context)
    return thread.id


def with_thread(thread_id: str) -> dict[str, dict[str, Any]]:
    item = "msg_01a200f7659871c384074b2cab82c368"
    action = {"action": {"type": "a", "payload": {}}, "item_id": item}
    return {
        "threads.get_by_id": {"thread_id": thread_id},
        "threads.update": {"thread_id": thread_id, "title": "x"},
        "threads.delete": {"thread_id": thread_id},
        "items.list": {"thread_id": thread_id},
        "items.feedback": {"thread_id": thread_id, "item_ids": [item], "kind": "positive"},
        "threads.add_user_message": {"thread_id": thread_id, "input": MESSAGE},
        "threads.add_client_tool_output": {"thread_id": thread_id, "result": None},
        "threads.add_structured_input": {"thread_id": thread_id, "item_id": item, "input": {"status": "skipped"}},
        "threads.retry_after_item": {"thread_id": thread_id, "item_id": item},
        "threads.custom_action": {"thread_id": thread_id, **action},
        "threads.sync_custom_action": {"thread_id": thread_id, **action},
    }


async def refused(http: httpx2.AsyncClient, operation: str, params: dict[str, Any]) -> int:
    answer = await http.post("/chatkit/api", json={"type": operation, "params": params})
    error = answer.json()["error"]
    assert error["code"]
    assert error["message"]
    assert answer.status_code in (400, 404), answer.text
    return answer.status_code


@pytest.mark.parametrize("bad", list(BAD_IDS))
async def test_a_bad_thread_id_is_refused_by_every_operation(http: httpx2.AsyncClient, bad: str) -> None:
    for operation, params in with_thread(BAD_IDS[bad]).items():
        await refused(http, operation, params)


@pytest.mark.parametrize("bad", list(BAD_IDS))
async def test_a_bad_item_or_attachment_id_is_refused_by_every_operation(
    http: httpx2.AsyncClient, thread_id: str, bad: str
) -> None:
    value = BAD_IDS[bad]
    await refused(http, "items.feedback", {"thread_id": thread_id, "item_ids": [value], "kind": "positive"})
    await refused(http, "threads.retry_after_item", {"thread_id": thread_id, "item_id": value})
    skipped = {"thread_id": thread_id, "item_id": value, "input": {"status": "skipped"}}
    await refused(http, "threads.add_structured_input", skipped)
    action = {"thread_id": thread_id, "item_id": value, "action": {"type": "a", "payload": {}}}
    await refused(http, "threads.custom_action", action)
    await refused(http, "threads.sync_custom_action", action)
    await refused(http, "attachments.delete", {"attachment_id": value})
    await refused(http, "threads.create", {"input": {**MESSAGE, "attachments": [value]}})
    await refused(
        http, "threads.add_user_message", {"thread_id": thread_id, "input": {**MESSAGE, "attachments": [value]}}
    )


@pytest.mark.parametrize("bad", [each for each in BAD_IDS if each != "empty"])
async def test_an_invalid_cursor_is_a_400(http: httpx2.AsyncClient, thread_id: str, bad: str) -> None:
    for order in ("asc", "desc"):
        cursor = {"after": BAD_IDS[bad], "order": order}
        assert await refused(http, "items.list", {"thread_id": thread_id, **cursor}) == 400
        assert await refused(http, "threads.list", cursor) == 400


@pytest.mark.parametrize("limit", [-1, -100_000])
async def test_a_negative_limit_is_a_400(http: httpx2.AsyncClient, thread_id: str, limit: int) -> None:
    assert await refused(http, "items.list", {"thread_id": thread_id, "limit": limit}) == 400
    assert await refused(http, "threads.list", {"limit": limit}) == 400


@pytest.mark.parametrize("limit", [0, 1, 100, 100_000, 10**30])
async def test_any_other_limit_is_answered(http: httpx2.AsyncClient, thread_id: str, limit: int) -> None:
    params = {"thread_id": thread_id, "limit": limit}
    items = (await http.post("/chatkit/api", json={"type": "items.list", "params": params})).json()
    # As in ChatKit's own server, 0 asks for a page of its usual size.
    assert (len(items["data"]), items["has_more"]) == ((1, True) if limit == 1 else (2, False))
    threads = await http.post("/chatkit/api", json={"type": "threads.list", "params": {"limit": limit}})
    assert threads.status_code == 200


@pytest.mark.parametrize("title", ["x" * (MAX_TITLE_CHARACTERS + 1), "😀" * 1_000_000], ids=["just over", "4 MB"])
async def test_a_title_that_is_too_long_is_a_400(http: httpx2.AsyncClient, thread_id: str, title: str) -> None:
    assert await refused(http, "threads.update", {"thread_id": thread_id, "title": title}) == 400
    thread = await http.post("/chatkit/api", json={"type": "threads.get_by_id", "params": {"thread_id": thread_id}})
    assert "title" not in thread.json()


async def test_a_page_of_the_longest_titles_is_one_round_trip(resources: Resources) -> None:
    context = RequestContext(Caller("acme", "bob"), resources)
    for _ in range(MAX_PAGE_ROWS):
        await ThreadStore(resources).save_thread(new_thread(title="😀" * MAX_TITLE_CHARACTERS), context)
    with failing(resources.table.client, None) as calls:
        page = await reads.list_threads(MAX_PAGE_ROWS, None, "desc", context)
    assert (len(page.data), calls.seen) == (MAX_PAGE_ROWS, ["Query"])


async def test_feedback_on_nothing_or_on_far_too_much_is_a_400(http: httpx2.AsyncClient, thread_id: str) -> None:
    assert await refused(http, "items.feedback", {"thread_id": thread_id, "item_ids": [], "kind": "positive"}) == 400
    many = [f"msg_{number}" for number in range(5_000)]
    assert await refused(http, "items.feedback", {"thread_id": thread_id, "item_ids": many, "kind": "positive"}) == 400
