"""The two short forms of a message: the plain call, and ChatKit's input without its envelope."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest

from assistant.api import create_app
from assistant.context import Resources
from tests.support.asgi import MakeClient, client
from tests.support.sse import frames, text_of

pytestmark = pytest.mark.anyio

API = "/chatkit/api"


async def test_the_plain_call_on_chat_is_answered_by_one_object(chat: httpx2.AsyncClient) -> None:
    answer = await chat.post(API, json={"message": {"content": "My lucky number is 31."}})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"type", "content", "done", "thread_id"}
    assert (body["type"], body["done"]) == ("message", True)
    assert "31" in body["content"]
    assert answer.headers["x-turn-id"].startswith("turn_")


async def test_the_plain_call_on_stream_comes_piece_by_piece(stream: httpx2.AsyncClient) -> None:
    answer = await stream.post(API, json={"message": {"content": "My lucky number is 31."}})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *pieces, last = frames(answer.content)
    texts = [piece["text"] for piece in pieces if "text" in piece]
    assert len(texts) > 1
    assert last["final"] == "".join(texts)
    assert last["done"] is True
    assert "31" in last["final"]


async def test_an_input_alone_streams_chatkit_s_events(open_client: MakeClient) -> None:
    for function in ("chat", "stream"):
        answer = await open_client(function).post(API, json={"input": {"content": "My lucky number is 31."}})
        events = frames(answer.content)
        assert events[0]["type"] == "thread.created"
        assert "31" in text_of(events)


async def test_a_thread_goes_on_in_any_shape_and_on_either_function(
    chat: httpx2.AsyncClient, stream: httpx2.AsyncClient
) -> None:
    begun = (await chat.post(API, json={"message": {"content": "My lucky number is 31."}})).json()
    thread_id = begun["thread_id"]
    second = await stream.post(API, json={"message": {"content": "And hers is 47."}, "thread_id": thread_id})
    assert frames(second.content)[-1]["thread_id"] == thread_id
    await chat.post(API, json={"input": {"content": "Thank you."}, "thread_id": thread_id})
    listed = await chat.post(API, json={"type": "items.list", "params": {"thread_id": thread_id, "order": "asc"}})
    asked = [item["content"][0]["text"] for item in listed.json()["data"] if item["type"] == "user_message"]
    assert asked == ["My lucky number is 31.", "And hers is 47.", "Thank you."]


async def test_an_unknown_thread_is_not_found(chat: httpx2.AsyncClient, stream: httpx2.AsyncClient) -> None:
    for web in (chat, stream):
        answer = await web.post(API, json={"message": {"content": "hello"}, "thread_id": "thr_unknown"})
        assert answer.status_code == 404


async def test_a_model_that_fails_is_503_on_chat_and_keeps_what_it_said(chat: httpx2.AsyncClient) -> None:
    answer = await chat.post(API, json={"message": {"content": "!fail 3"}})
    assert answer.status_code == 503
    assert set(answer.json()["error"]) == {"code", "message"}
    threads = (await chat.post(API, json={"type": "threads.list", "params": {}})).json()["data"]
    items = await chat.post(API, json={"type": "items.list", "params": {"thread_id": threads[0]["id"]}})
    assert "assistant_message" in [item["type"] for item in items.json()["data"]]


async def test_a_model_that_fails_on_stream_is_an_error_before_the_last_frame(stream: httpx2.AsyncClient) -> None:
    answer = await stream.post(API, json={"message": {"content": "!fail 3"}})
    assert answer.status_code == 200
    *_, error, last = frames(answer.content)
    assert error["type"] == "error"
    assert error["allow_retry"] is True
    assert last["done"] is True


async def test_a_turn_that_is_too_long_for_chat_ends_in_time_with_what_it_said(
    resources: Resources, token: str
) -> None:
    async with client(create_app(resources, streaming=False), Authorization=f"Bearer {token}") as chat:
        # Loads the SDKs, so that the short turn has its time for itself.
        await chat.post(API, json={"message": {"content": "hello"}})
        resources.settings = replace(resources.settings, chat_turn_seconds=8)
        answer = await chat.post(API, json={"input": {"content": "!slow 300"}})
    events = frames(answer.content)
    assert [event["type"] for event in events][-2:] == ["notice", "error"]
    assert text_of(events)
