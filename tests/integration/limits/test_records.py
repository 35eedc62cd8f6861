"""Records change limits without a restart, an admin's request writes them, and one record stops all paid calls."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import pytest

from assistant import quotas
from assistant.context import Resources
from assistant.settings import load_settings
from scripts import limits as command
from tests.integration.limits.conftest import ServerMaker
from tests.support.app_server import new_thread
from tests.support.aws import Aws
from tests.support.issuer import Issuer
from tests.support.sse import frames

pytestmark = pytest.mark.anyio

PATH, LIMITS = "/chatkit/api", "/chatkit/api/limits"
FILE = {"type": "attachments.create", "params": {"name": "a.png", "size": 100, "mime_type": "image/png"}}
RECORDING = {"type": "input.transcribe", "params": {"audio_base64": "YWFh", "mime_type": "audio/webm"}}
# A change of a tenant's record and of the stop holds within a minute.
PATIENCE_SECONDS = 60.0


@pytest.fixture
def resources(aws_environment: Aws) -> Resources:
    return Resources(load_settings(aws_environment.environment(LLM_PROVIDER="demo")))


async def say(client: httpx2.AsyncClient, text: str = "hello") -> httpx2.Response:
    return await client.post(PATH, json=new_thread(text))


async def test_a_users_record_holds_at_once_for_every_limit_and_for_this_user_only(
    serve: ServerMaker, resources: Resources, issuer: Issuer, tenant: str, token: str
) -> None:
    server = serve(QUOTA_UPLOADS_PER_DAY="1", MAX_MESSAGE_CHARS="100")
    async with server.client(token) as ann, server.client(issuer.token(tenant_id=tenant, sub="bob")) as bob:
        assert (await say(ann)).status_code == 200
        words = "uploads_per_day=2 turns_per_minute=2 message_characters=200"
        record = await command.run(resources, tenant, "ann", words)
        assert record == {"uploads_per_day": 2, "turns_per_minute": 2, "message_characters": 200}
        assert [(await ann.post(PATH, json=FILE)).status_code for _ in range(3)] == [200, 200, 429]
        assert [(await bob.post(PATH, json=FILE)).status_code for _ in range(2)] == [200, 429]
        assert [(await say(each, "x" * 150)).status_code for each in (ann, bob)] == [200, 413]
        assert [(await say(ann)).status_code for _ in range(2)] == [200, 429]
        assert (await ann.get("/chatkit/api/usage")).json()["limits"]["turns_per_minute"] == 2
        await command.run(resources, tenant, "ann", "reset")
        assert (await say(ann)).status_code == 200
        assert (await say(ann, "x" * 150)).status_code == 413


async def test_a_cold_process_knows_a_record_at_its_first_message(
    serve: ServerMaker, resources: Resources, tenant: str, token: str
) -> None:
    await quotas.change_limits(resources, tenant, None, {"turns_per_minute": 1})
    await quotas.change_limits(resources, tenant, "ann", {"concurrent_turns": 1})
    async with serve().client(token) as first, serve().client(token) as second:
        assert (await say(first)).status_code == 200
        assert (await say(second)).status_code == 429
        assert (await second.get("/chatkit/api/usage")).json()["limits"]["concurrent_turns"] == 1


async def test_an_admin_changes_the_limits_of_the_own_tenant_and_nobody_else_does(
    serve: ServerMaker, issuer: Issuer, tenant: str, token: str
) -> None:
    server = serve(ADMIN_ROLES="boss")
    async with (
        server.client(issuer.token(tenant_id=tenant, sub="eve", role="boss")) as admin,
        server.client(token) as ann,
        server.client(issuer.token(tenant_id=f"{tenant}-other", sub="ann")) as stranger,
    ):
        for refused in (await ann.post(LIMITS, json={"limits": {}}), await ann.get(LIMITS)):
            assert refused.status_code == 403
        wrong: list[Any] = [{}, {"limits": 1}, {"limits": {"luck": 1}}, {"limits": {"turns_per_minute": 0}}]
        wrong += [{"limits": {"concurrent_turns": None}}, {"limits": {"tenant_spend_per_day": 1}, "user_id": "ann"}]
        assert {(await admin.post(LIMITS, json=each)).status_code for each in wrong} == {400}
        body = {"user_id": "ann", "limits": {"uploads_per_day": 1, "spend_per_day": 0.5}}
        assert (await admin.post(LIMITS, json=body)).json() == {"limits": body["limits"]}
        assert (await admin.get(LIMITS, params={"user_id": "ann"})).json() == {"limits": body["limits"]}
        assert [(await ann.post(PATH, json=FILE)).status_code for _ in range(2)] == [200, 429]
        assert [(await stranger.post(PATH, json=FILE)).status_code for _ in range(2)] == [200, 200]


async def test_the_stop_refuses_every_paid_call_and_ends_running_turns_within_a_minute_and_reads_go_on(
    serve: ServerMaker, resources: Resources, token: str
) -> None:
    server = serve()
    async with server.client(token) as client, server.client(token) as other:
        try:
            running = asyncio.create_task(say(client, "!slow 900"))
            assert (await say(other)).status_code == 200
            await quotas.stop_models(resources, stopped=True, reason="a test")
            began = time.monotonic()
            ended = await running
            assert frames(ended.content)[-1]["message"].startswith("This assistant is switched off")
            refused = [await say(other), await other.post(PATH, json=RECORDING), await other.post(PATH, json=FILE)]
            assert [each.status_code for each in refused] == [503] * 3
            assert {each.json()["error"]["code"] for each in refused} == {"models_stopped"}
            assert time.monotonic() - began < PATIENCE_SECONDS
            listed = await other.post(PATH, json={"type": "threads.list", "params": {"limit": 9}})
            assert len(listed.json()["data"]) == 2
        finally:
            await quotas.stop_models(resources, stopped=False, reason="a test")
        patience = time.monotonic() + PATIENCE_SECONDS
        while (answer := await say(other)).status_code != 200:
            assert time.monotonic() < patience
            await asyncio.sleep(1)
        assert answer.status_code == 200


async def test_a_user_is_told_once_that_most_of_a_day_is_used(serve: ServerMaker, token: str) -> None:
    server = serve(QUOTA_TOKENS_PER_DAY="5000")
    notices: list[int] = []
    async with server.client(token) as client:
        while (answer := await say(client, "some words " * 30)).status_code == 200:
            told = [each["message"] for each in frames(answer.content) if each["type"] == "notice"]
            notices.append(sum("of today's limit" in each for each in told))
    assert answer.status_code == 429
    assert (notices[0], sum(notices)) == (0, 1)
