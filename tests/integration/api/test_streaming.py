"""A running stream: it arrives in pieces, can be stopped, and its turn continues without the client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from assistant.api import create_app
from assistant.context import Resources
from assistant.settings import Quota
from tests.support.asgi import Call
from tests.support.sse import frames, text_of

pytestmark = pytest.mark.anyio

API = "/chatkit/api"
DELTA = b"text_delta"


@pytest.fixture
def app(resources: Resources) -> FastAPI:
    return create_app(resources, streaming=True)


def ask(token: str, text: str, thread_id: str | None = None, **more: Any) -> Call:
    body: dict[str, Any] = {"input": {"content": text}}
    if thread_id is not None:
        body["thread_id"] = thread_id
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return Call("POST", API, request_body=json.dumps(body).encode(), request_headers=headers, **more)


def thread_of(call: Call) -> str:
    first = json.loads(call.body.split(b"\n\n")[0].removeprefix(b"data: "))
    thread_id: str = first["thread"]["id"]
    return thread_id


async def stored_answer(web: httpx2.AsyncClient, thread_id: str) -> str:
    listed = await web.post(API, json={"type": "items.list", "params": {"thread_id": thread_id, "order": "asc"}})
    items = listed.json()["data"]
    return "".join(item["content"][0]["text"] for item in items if item["type"] == "assistant_message")


def deltas(call: Call) -> Callable[[], bool]:
    """Return whether the first deltas have come."""
    return lambda: call.body.count(DELTA) >= 3


async def test_deltas_are_sent_as_they_come(app: FastAPI, token: str) -> None:
    call = ask(token, "!slow 20")
    running = asyncio.create_task(call.run(app))
    await call.until(deltas(call))
    assert not call.ended
    assert not running.done()
    await running
    assert text_of(frames(call.body)).split()


async def test_a_client_that_leaves_finds_the_whole_answer_later(
    app: FastAPI, token: str, stream: httpx2.AsyncClient
) -> None:
    call = ask(token, "!slow 20", leave_when=lambda body: body.count(DELTA) >= 3)
    await call.run(app)
    assert call.gone
    # The app has returned: nothing of the turn may be left to do.
    answer = await stored_answer(stream, thread_of(call))
    assert len(answer.split()) >= 20


async def test_cancelling_ends_the_stream_and_keeps_what_was_said(
    app: FastAPI, token: str, stream: httpx2.AsyncClient
) -> None:
    call = ask(token, "!slow 600")
    running = asyncio.create_task(call.run(app))
    await call.until(deltas(call))
    stopped = await stream.post("/chatkit/api/cancel", json={"thread_id": thread_of(call)})
    assert stopped.json() == {"cancelled": True}
    await running
    assert call.ended
    said = text_of(frames(call.body))
    assert 3 <= len(said.split()) < 600
    assert await stored_answer(stream, thread_of(call)) == said


async def test_a_busy_thread_refuses_where_the_deployment_says_so(
    app: FastAPI, resources: Resources, token: str
) -> None:
    resources.settings = replace(resources.settings, on_busy="reject")
    call = ask(token, "!slow 30")
    running = asyncio.create_task(call.run(app))
    await call.until(deltas(call))
    refused = ask(token, "me first", thread_of(call))
    await refused.run(app)
    assert refused.status == 409
    assert int(refused.headers["retry-after"]) >= 1
    assert json.loads(refused.body)["error"]["code"] == "turn_running"
    await running
    assert text_of(frames(call.body))


async def test_a_full_process_says_when_to_come_back_and_lets_its_own_turns_be_followed(
    app: FastAPI, resources: Resources, token: str
) -> None:
    resources.settings = replace(resources.settings, max_turns_per_process=1)
    call, again, refused = ask(token, "!slow 30"), ask(token, "!slow 30"), ask(token, "hello")
    for each in (call, again):
        each.request_headers["idempotency-key"] = "full"
    running = asyncio.create_task(call.run(app))
    await call.until(deltas(call))
    await refused.run(app)
    assert refused.status == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert json.loads(refused.body)["error"]["code"] == "process_busy"
    await again.run(app)
    await running
    assert (again.status, again.headers["x-turn-id"]) == (200, call.headers["x-turn-id"])
    assert text_of(frames(again.body)) == text_of(frames(call.body))
    later = ask(token, "hello")
    await later.run(app)
    assert later.status == 200


async def test_who_is_over_quota_is_told_when_to_come_back(app: FastAPI, resources: Resources, token: str) -> None:
    resources.settings = replace(resources.settings, user_quota=Quota(tokens_per_day=1))
    first, second = ask(token, "hello"), ask(token, "hello again")
    await first.run(app)
    await second.run(app)
    assert (first.status, second.status) == (200, 429)
    assert int(second.headers["retry-after"]) >= 1
    assert json.loads(second.body)["error"]["code"] == "quota_exceeded"
