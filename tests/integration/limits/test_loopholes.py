"""Requests that try to pass a limit by another field, a record, or requests at once are refused, over HTTP."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx2
import pytest

from assistant.context import Resources
from scripts import limits as command
from tests.integration.limits.conftest import ServerMaker
from tests.integration.limits.test_records import resources as resources
from tests.support.app_server import new_thread
from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio

PATH, LIMITS, CANCEL = "/chatkit/api", "/chatkit/api/limits", "/chatkit/api/cancel"
LONG = "x" * 2_000


def message(*parts: dict[str, Any], attachments: tuple[str, ...] = (), **options: Any) -> dict[str, Any]:
    """Return a message with these parts."""
    given = {"content": list(parts), "attachments": list(attachments), "inference_options": options}
    return {"type": "threads.create", "params": {"input": given}}


def mention(**changed: Any) -> dict[str, Any]:
    return {"type": "input_tag", "id": "t1", "text": "@ann", "data": {}, "group": "people"} | changed


async def answer(client: httpx2.AsyncClient, body: Any) -> tuple[int, str]:
    response = await client.post(PATH, json=body)
    code = "" if response.status_code == 200 else response.json()["error"]["code"]
    return response.status_code, code


@pytest.mark.parametrize("field", ["id", "group", "text"])
async def test_no_string_of_a_mention_is_outside_the_longest_message(
    serve: ServerMaker, token: str, field: str
) -> None:
    async with serve(MAX_MESSAGE_CHARS="1000").client(token) as client:
        assert await answer(client, message(mention(**{field: LONG}))) == (413, "message_too_long")
        assert await answer(client, message(mention())) == (200, "")


async def test_nothing_else_of_a_message_is_outside_of_it(serve: ServerMaker, token: str) -> None:
    text = {"type": "input_text", "text": "hello"}
    async with serve(MAX_MESSAGE_CHARS="1000").client(token) as client:
        empty = [{"type": "input_text", "text": ""}] * 100
        assert await answer(client, message(text, *empty)) == (413, "message_too_long")
        assert await answer(client, message(mention(data={"a": LONG}))) == (413, "message_too_long")
        many = tuple(f"atc_{number}" for number in range(1_000))
        others = [message(text, attachments=each) for each in [many, ("x" * 500_000,)]]
        others += [message(text, model=LONG), message(text, tool_choice={"id": LONG})]
        for each in others:
            assert (await answer(client, each))[0] in {400, 404, 413}
        listed = await client.post(PATH, json={"type": "threads.list", "params": {"limit": 9}})
        assert listed.json()["data"] == []


async def test_a_click_that_is_answered_at_once_has_the_limit_of_other_clicks(serve: ServerMaker, token: str) -> None:
    async with serve(MAX_MESSAGE_CHARS="1000").client(token) as client:
        for action in ({"type": "a", "payload": {"a": LONG}}, {"type": LONG, "payload": {}}):
            params = {"thread_id": "thr_none", "item_id": None, "action": action}
            for kind in ("threads.sync_custom_action", "threads.custom_action"):
                assert await answer(client, {"type": kind, "params": params}) == (413, "message_too_long")


async def test_no_record_allows_a_message_over_the_history_s_budget(
    serve: ServerMaker, resources: Resources, tenant: str, token: str
) -> None:
    server = serve(HISTORY_MAX_TOKENS="500", MAX_MESSAGE_CHARS="100")
    async with server.client(token) as ann:
        await command.run(resources, tenant, "ann", "message_characters=1000000000000")
        assert await answer(ann, new_thread("x" * 2_000)) == (200, "")
        assert await answer(ann, new_thread("x" * 2_001)) == (413, "message_too_long")
        usage = (await ann.get("/chatkit/api/usage")).json()
        assert usage["limits"]["message_characters"] == 2_000


async def test_money_in_a_record_has_no_more_decimals_than_the_counters(
    serve: ServerMaker, resources: Resources, issuer: Issuer, tenant: str
) -> None:
    with pytest.raises(SystemExit, match="at most 6 decimals"):
        await command.run(resources, tenant, None, f"spend_per_day=0.{'0' * 299}1")
    async with serve(ADMIN_ROLES="boss").client(issuer.token(tenant_id=tenant, sub="eve", role="boss")) as admin:
        for wrong in (1e-300, 1e-129, 0.000_000_1, 0.123_456_7):
            refused = await admin.post(LIMITS, json={"limits": {"spend_per_day": wrong}})
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")
        for right in (0, 0.000_001, 0.123_456, 2**53):
            taken = await admin.post(LIMITS, json={"limits": {"spend_per_day": right}})
            assert taken.json()["limits"] == {"spend_per_day": right}


async def test_a_refused_file_uses_up_no_upload(serve: ServerMaker, token: str) -> None:
    def announced(name: str, kind: str, size: int = 100) -> dict[str, Any]:
        return {"type": "attachments.create", "params": {"name": name, "size": size, "mime_type": kind}}

    form = {"file": ("a.html", b"<html></html>", "text/html")}
    async with serve(QUOTA_UPLOADS_PER_DAY="1").client(token) as client:
        assert (await answer(client, announced("a.html", "text/html")))[0] == 415
        assert (await answer(client, announced("a.png", "image/png", 0)))[0] == 400
        assert (await answer(client, announced("a.png", "image/png", 10**9)))[0] == 413
        assert (await answer(client, announced("a.png", "image/png")))[0] == 200
        assert (await answer(client, announced("a.png", "image/png")))[0] == 429
    async with serve(function="upload", QUOTA_UPLOADS_PER_DAY="2").client(token) as client:
        path = "/chatkit/api/upload"
        assert [(await client.post(path, files=form)).status_code for _ in range(3)] == [415] * 3
        right = {"file": ("a.txt", b"hello", "text/plain")}
        assert [(await client.post(path, files=right)).status_code for _ in range(2)] == [200, 429]


async def test_an_empty_recording_is_refused_and_not_counted(serve: ServerMaker, token: str) -> None:
    async with serve().client(token) as client:
        body = {"type": "input.transcribe", "params": {"audio_base64": "", "mime_type": "audio/webm"}}
        assert await answer(client, body) == (400, "invalid_request")
        assert (await client.get("/chatkit/api/usage")).json()["transcriptions"] == 0


@pytest.mark.parametrize("name", ["idempotency_key", "frame_id"])
async def test_a_key_has_a_longest_length_in_a_cancel_and_in_a_header(
    serve: ServerMaker, token: str, name: str
) -> None:
    header = {"idempotency_key": "idempotency-key", "frame_id": "chatkit-frame-instance-id"}[name]
    async with serve().client(token) as client:
        assert (await client.post(CANCEL, json={name: "k" * 256})).status_code == 400
        refused = await client.post(PATH, json=new_thread("hello"), headers={header: "k" * 256})
        assert refused.status_code == 400
        assert (await client.post(PATH, json=new_thread("hello"), headers={header: "k" * 255})).status_code == 200
        assert (await client.post(CANCEL, json={name: "k" * 255})).json() == {"cancelled": False}


async def test_of_cancels_at_once_before_their_requests_a_few_wait(serve: ServerMaker, token: str) -> None:
    # One turn and five more.
    waiting, at_once = 6, 20
    names = [uuid.uuid4().hex for _ in range(at_once)]
    async with serve(MAX_CONCURRENT_TURNS="1").client(token) as client:
        tasks = {name: asyncio.create_task(client.post(CANCEL, json={"idempotency_key": name})) for name in names}
        for number, done in enumerate(asyncio.as_completed(tasks.values()), 1):
            assert (await done).json() == {"cancelled": False}
            if number == at_once - waiting:
                break
        # Each cancel is remembered, and one that waits still learns of its request.
        pending = next(name for name in names if not tasks[name].done())
        claimed = await client.post(PATH, json=new_thread("hello"), headers={"idempotency-key": pending})
        assert claimed.status_code == 200
        assert (await tasks[pending]).json() == {"cancelled": True}
        await asyncio.gather(*tasks.values())
