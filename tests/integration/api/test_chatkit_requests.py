"""ChatKit's requests on both functions."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from tests.support.asgi import MakeClient
from tests.support.files import PNG
from tests.support.sse import frames, text_of

pytestmark = pytest.mark.anyio

API = "/chatkit/api"


@pytest.fixture(params=["chat", "stream"])
def web(open_client: MakeClient, request: pytest.FixtureRequest) -> httpx2.AsyncClient:
    """The contract is the same on both functions."""
    return open_client(request.param)


def message(text: str, attachments: list[str] | None = None) -> dict[str, Any]:
    return {
        "content": [{"type": "input_text", "text": text}],
        "attachments": attachments or [],
        "inference_options": {},
    }


async def create(web: httpx2.AsyncClient, text: str, **headers: str) -> tuple[str, list[dict[str, Any]]]:
    """Begin a thread; return its id and the events."""
    answer = await web.post(API, json={"type": "threads.create", "params": {"input": message(text)}}, headers=headers)
    assert answer.status_code == 200, answer.text
    events = frames(answer.content)
    assert events[0]["type"] == "thread.created"
    return events[0]["thread"]["id"], events


async def perform(web: httpx2.AsyncClient, operation: str, **params: Any) -> httpx2.Response:
    return await web.post(API, json={"type": operation, "params": params})


async def test_a_thread_is_created_streamed_and_read_again(web: httpx2.AsyncClient) -> None:
    thread_id, events = await create(web, "My lucky number is 31.")
    kinds = [event["type"] for event in events]
    assert kinds[:3] == ["thread.created", "thread.item.done", "stream_options"]
    assert "thread.item.updated" in kinds
    assert "31" in text_of(events)
    read = (await perform(web, "threads.get_by_id", thread_id=thread_id)).json()
    assert [item["type"] for item in read["items"]["data"]] == ["user_message", "assistant_message"]
    assert read["items"]["data"][1]["content"][0]["text"] == text_of(events)


async def test_a_streamed_answer_has_its_headers(web: httpx2.AsyncClient) -> None:
    answer = await web.post(API, json={"type": "threads.create", "params": {"input": message("hello")}})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-turn-id"].startswith("turn_")


@pytest.mark.parametrize(("operation", "more"), [("threads.get_by_id", {}), ("items.list", {"order": "desc"})])
async def test_a_thread_that_is_read_names_the_turn_that_runs_in_it(
    web: httpx2.AsyncClient, operation: str, more: dict[str, str]
) -> None:
    thread_id, _ = await create(web, "hello")
    assert "x-turn-id" not in (await perform(web, operation, thread_id=thread_id, **more)).headers
    params = {"thread_id": thread_id, "input": message("!slow 300")}
    turn = asyncio.create_task(web.post(API, json={"type": "threads.add_user_message", "params": params}))
    while "x-turn-id" not in (read := await perform(web, operation, thread_id=thread_id, **more)).headers:
        assert not turn.done(), turn.result().text
        await asyncio.sleep(0.01)
    await web.post(f"{API}/cancel", json={"thread_id": thread_id})
    assert read.headers["x-turn-id"] == (await turn).headers["x-turn-id"]
    assert "x-turn-id" not in (await perform(web, operation, thread_id=thread_id, **more)).headers


async def test_other_operations_answer_json_that_no_cache_keeps(web: httpx2.AsyncClient) -> None:
    answer = await perform(web, "threads.list")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {"data": [], "has_more": False}


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("threads.get_by_id", {}),
        ("items.list", {}),
        ("threads.update", {"title": "Mine now"}),
        ("threads.add_user_message", {"input": message("hello")}),
        ("threads.retry_after_item", {"item_id": "msg_1"}),
        ("threads.add_client_tool_output", {"result": {}}),
    ],
)
async def test_an_unknown_thread_is_not_found(web: httpx2.AsyncClient, operation: str, params: dict[str, Any]) -> None:
    answer = await perform(web, operation, thread_id="thr_unknown", **params)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


async def test_someone_else_s_thread_is_not_found(web: httpx2.AsyncClient, open_client: MakeClient) -> None:
    thread_id, _ = await create(web, "a secret")
    guest = open_client("stream", Authorization="")
    assert (await perform(guest, "threads.get_by_id", thread_id=thread_id)).status_code == 404
    written = await perform(guest, "threads.add_user_message", thread_id=thread_id, input=message("hello"))
    assert written.status_code == 404


async def test_a_bad_token_is_refused_where_guests_are_let_in(open_client: MakeClient) -> None:
    web = open_client("stream", Authorization="Bearer nonsense")
    answer = await perform(web, "threads.list")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_same_request_again_with_its_key_is_the_same_turn(web: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": "press-1"}
    thread_id, first = await create(web, "say it once", **key)
    again, second = await create(web, "say it once", **key)
    assert again == thread_id
    assert text_of(second) == text_of(first)
    items = (await perform(web, "items.list", thread_id=thread_id)).json()["data"]
    assert sorted(item["type"] for item in items) == ["assistant_message", "user_message"]


async def test_cancelling_where_nothing_runs_says_so(web: httpx2.AsyncClient) -> None:
    thread_id, _ = await create(web, "hello")
    answer = await web.post("/chatkit/api/cancel", json={"thread_id": thread_id})
    assert (answer.status_code, answer.json()) == (200, {"cancelled": False})
    for body in ({"thread_id": 5}, {}, {"frame_id": ""}, {"idempotency_key": None}):
        assert (await web.post("/chatkit/api/cancel", json=body)).status_code == 400
    answer = await web.post("/chatkit/api/cancel", json={"idempotency_key": "press-unknown"})
    assert answer.json() == {"cancelled": False}


async def test_usage_counts_the_caller_s_turns(web: httpx2.AsyncClient) -> None:
    before = (await web.get("/chatkit/api/usage")).json()
    await create(web, "hello")
    after = (await web.get("/chatkit/api/usage")).json()
    assert (before["turns"], after["turns"]) == (0, 1)
    assert after["tokens"] > 0
    assert (after["limits"]["turns_per_minute"], after["limits"]["concurrent_turns"]) == (None, 3)


async def test_a_file_is_uploaded_sent_shown_and_read_again(
    web: httpx2.AsyncClient, upload: httpx2.AsyncClient
) -> None:
    sent = (await upload.post("/chatkit/api/upload", files={"file": ("pixel.png", PNG, "image/png")})).json()
    answer = await perform(web, "threads.create", input=message("What is this?", [sent["id"]]))
    events = frames(answer.content)
    thread_id = events[0]["thread"]["id"]
    (shown,) = events[1]["item"]["attachments"]
    listed = (await perform(web, "items.list", thread_id=thread_id, order="asc")).json()["data"][0]["attachments"][0]
    async with httpx2.AsyncClient() as browser:
        for attachment in (shown, listed):
            assert attachment["thread_id"] == thread_id
            assert (await browser.get(attachment["preview_url"])).content == PNG


async def test_a_registered_file_that_was_never_uploaded_leaves_no_thread_behind(web: httpx2.AsyncClient) -> None:
    made = await perform(web, "attachments.create", name="a.pdf", size=10, mime_type="application/pdf")
    assert made.json()["upload_descriptor"]["method"] == "PUT"
    refused = await perform(web, "threads.create", input=message("Read this", [made.json()["id"]]))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "upload_missing")
    unknown = await perform(web, "threads.create", input=message("Read this", ["atc_unknown"]))
    assert unknown.status_code == 404
    assert (await perform(web, "threads.list")).json()["data"] == []


async def test_an_attachment_is_deleted_once(web: httpx2.AsyncClient, upload: httpx2.AsyncClient) -> None:
    sent = (await upload.post("/chatkit/api/upload", files={"file": ("pixel.png", PNG, "image/png")})).json()
    assert (await perform(web, "attachments.delete", attachment_id=sent["id"])).status_code == 200
    assert (await perform(web, "attachments.delete", attachment_id=sent["id"])).status_code == 404
