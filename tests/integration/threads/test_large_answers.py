"""Answers over Lambda's limit: a thread stays readable, and any other answer is refused with an error."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from chatkit.types import ClientToolCallItem, Page, ThreadItem
from mangum.types import LambdaContext
from pydantic import TypeAdapter

from assistant.api import app, create_app, make_handler
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.ids import new_id
from assistant.operations import reads
from assistant.operations.answers import EXCERPT_CHARACTERS
from assistant.threads.turn_record import dump_partial, running_row
from tests.integration.threads.conftest import MakeResources, User
from tests.support.asgi import client
from tests.support.conversations import answered, new_thread, now, said
from tests.support.lambda_events import function_url_event
from tests.support.sse import frames

pytestmark = pytest.mark.anyio

MEGABYTE = 1_000_000
# What is larger Lambda drops: "Response payload size exceeded maximum allowed payload size (6291556 bytes)".
LAMBDA_ANSWER_BYTES = 6_291_556
TEXT = "A long story. " * 500_000
API = "/chatkit/api"
ITEMS: TypeAdapter[list[ThreadItem]] = TypeAdapter(list[ThreadItem])


@pytest.fixture
def guest(make_resources: MakeResources) -> User:
    """The user of a request without a token."""
    return User(make_resources(), "guest", "local")


def tool_call(thread_id: str, output: str) -> ClientToolCallItem:
    return ClientToolCallItem(
        id=new_id("tc"),
        thread_id=thread_id,
        created_at=now(),
        call_id="c",
        name="tool",
        arguments={},
        status="completed",
        output=output,
    )


async def on_chat(user: User, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Send a request to the function `chat` as Lambda does. Return its status and answer."""

    def invoke() -> dict[str, Any]:
        handler = make_handler(create_app(user.resources, streaming=False))
        headers = {"content-type": "application/json"}
        event = function_url_event(API, method="POST", headers=headers, body=json.dumps(body))
        return dict(handler(event, cast(LambdaContext, None)))

    answer = await asyncio.to_thread(invoke)
    # As the runtime sends it.
    assert len(json.dumps(answer, ensure_ascii=False).encode()) < LAMBDA_ANSWER_BYTES
    return answer["statusCode"], json.loads(answer["body"])


async def read(user: User, operation: str, **params: Any) -> dict[str, Any]:
    status, answer = await on_chat(user, {"type": operation, "params": params})
    assert status == 200
    return answer


async def begin(user: User, *texts: str) -> tuple[str, list[ThreadItem]]:
    thread = new_thread()
    await user.store.save_thread(thread, user.request)
    items: list[ThreadItem] = [said(thread.id, text) for text in texts]
    for item in items:
        await user.store.add_thread_item(thread.id, item, user.request)
    return thread.id, items


@pytest.mark.parametrize("kind", ["message", "answer", "tool call"])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_thread_with_an_item_that_cannot_be_answered_is_read_past_it(
    guest: User, kind: str, order: str
) -> None:
    thread_id, items = await begin(guest, "before")
    large: ThreadItem = said(thread_id, TEXT)
    if kind != "message":
        large = answered(thread_id, TEXT) if kind == "answer" else tool_call(thread_id, TEXT)
    items += [large, said(thread_id, "after")]
    for item in items[1:]:
        await guest.store.add_thread_item(thread_id, item, guest.request)

    seen: list[dict[str, Any]] = []
    after = None
    for _ in range(5):
        page = await read(guest, "items.list", thread_id=thread_id, order=order, after=after)
        seen += page["data"]
        after = page.get("after")
        if not page["has_more"]:
            break
    if order == "desc":
        seen.reverse()
    found = ITEMS.validate_python(seen)
    assert [item.id for item in found] == [item.id for item in items]
    assert (found[0], found[2]) == (items[0], items[2])
    text = seen[1]["content"][0]["text"]
    assert "7.0 MB" in text
    assert "too long to show here" in text
    assert (kind == "tool call") is not text.startswith(TEXT[:EXCERPT_CHARACTERS])
    assert (found[1].type, found[1].created_at) == (
        "user_message" if kind == "message" else "assistant_message",
        large.created_at,
    )


async def test_a_thread_whose_newest_item_cannot_be_answered_opens(guest: User) -> None:
    thread_id, items = await begin(guest, "before", TEXT)
    thread = await read(guest, "threads.get_by_id", thread_id=thread_id)
    assert [item["id"] for item in thread["items"]["data"]] == [items[1].id]
    rest = await read(guest, "items.list", thread_id=thread_id, after=thread["items"]["after"], order="desc")
    assert [item["id"] for item in rest["data"]] == [items[0].id]


async def test_on_stream_the_item_comes_whole(guest: User) -> None:
    thread_id, items = await begin(guest, "before", TEXT)
    async with client(create_app(guest.resources, streaming=True)) as stream:
        for operation, path in (("threads.get_by_id", "items"), ("items.list", "")):
            answer = await stream.post(API, json={"type": operation, "params": {"thread_id": thread_id}})
            page = answer.json()[path] if path else answer.json()
            assert ITEMS.validate_python(page["data"]) == [items[1]]


async def test_what_a_running_turn_has_said_leaves_room_for_the_thread(guest: User) -> None:
    thread_id, items = await begin(guest, "x" * 5 * MEGABYTE)
    partial = answered(thread_id, "y" * 2 * MEGABYTE)
    row = running_row("turn_1", "I#0", "threads.add_user_message", []) | {"partial": dump_partial([partial])}
    pk = keys.ThreadRef(guest.tenant_id, guest.name, thread_id).partition
    await guest.resources.table.put(Key(pk, keys.TURN_SK), row)
    thread = await read(guest, "threads.get_by_id", thread_id=thread_id)
    first, second = thread["items"]["data"]
    # Only the largest item is shortened.
    assert (first["id"], len(first["content"][0]["text"]) < 3_000) == (items[0].id, True)
    assert ITEMS.validate_python([second]) == [partial]


async def test_a_page_that_fits_is_not_touched(guest: User) -> None:
    thread_id, items = await begin(guest, *(f"{each}{'x' * MEGABYTE}" for each in range(5)))
    page = await read(guest, "items.list", thread_id=thread_id, order="asc")
    assert Page[ThreadItem].model_validate(page).data == items


@pytest.mark.parametrize("shape", ["plain", "chatkit"])
async def test_any_other_answer_that_is_too_large_is_a_clear_error_and_kept(
    guest: User, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The demo model writes this much in a moment; 6 MB would take it minutes.
    monkeypatch.setattr(app, "MAX_ANSWER_BYTES", 30_000)
    prompt = "!long 40"
    body = {"message": {"content": prompt}} if shape == "plain" else {"input": {"content": prompt}}
    async with client(create_app(guest.resources, streaming=False)) as chat:
        answer = await chat.post(API, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "answer_too_large")
    assert "too long to show here" in answer.json()["error"]["message"]
    assert answer.headers["x-turn-id"].startswith("turn_")
    [newest, *_] = (await reads.list_threads(None, None, "desc", guest.request)).data
    kept = (await reads.get_thread(newest.id, guest.request)).items.data[-1]
    assert len(kept.content[0].text) > 40_000  # type: ignore[union-attr]  # an answer of text
    async with client(create_app(guest.resources, streaming=True)) as stream:
        streamed = await stream.post(API, json=body)
    assert len(streamed.content) > 30_000
    assert frames(streamed.content)
