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
        shown = {"limits": body["limits"], "operator_limits": {}}
        assert (await admin.post(LIMITS, json=body)).json() == shown
        assert (await admin.get(LIMITS, params={"user_id": "ann"})).json() == shown
        assert [(await ann.post(PATH, json=FILE)).status_code for _ in range(2)] == [200, 429]
        assert [(await stranger.post(PATH, json=FILE)).status_code for _ in range(2)] == [200, 200]


async def test_an_admin_tightens_limits_and_never_undoes_the_operators(
    serve: ServerMaker, resources: Resources, issuer: Issuer, tenant: str, token: str
) -> None:
    of_tenant = {"tenant_spend_per_day": 0.5, "uploads_per_day": 5}
    await quotas.change_limits(resources, tenant, None, of_tenant)
    await quotas.change_limits(resources, tenant, "ann", {"pictures_per_day": 3})
    admins = issuer.token(tenant_id=tenant, sub="eve", role="boss")

    async def limits_of_ann(of_tenant: Any, of_ann: Any) -> dict[str, Any]:
        # A new process reads the tenant's record first.
        server = serve(ADMIN_ROLES="boss", QUOTA_TURNS_PER_MINUTE="7", TENANT_QUOTA_TURNS_PER_MINUTE="50")
        async with server.client(admins) as admin, server.client(token) as ann:
            changed = [
                await admin.post(LIMITS, json={"limits": of_tenant}),
                await admin.post(LIMITS, json={"limits": of_ann, "user_id": "ann"}),
            ]
            assert [each.status_code for each in changed] == [200, 200]
            assert changed[0].json()["operator_limits"] == {"tenant_spend_per_day": 0.5, "uploads_per_day": 5}
            assert changed[1].json()["operator_limits"] == {"pictures_per_day": 3}
            assert (await say(ann)).status_code == 200
            limits: dict[str, Any] = (await ann.get("/chatkit/api/usage")).json()["limits"]
            return limits

    operators = {"uploads_per_day": 5, "pictures_per_day": 3, "turns_per_minute": 7}
    for looser in (
        (None, None),
        (
            {"tenant_spend_per_day": 100, "uploads_per_day": 9, "tenant_turns_per_minute": None},
            {"pictures_per_day": None, "turns_per_minute": 100},
        ),
    ):
        found = await limits_of_ann(*looser)
        assert {name: found[name] for name in operators} == operators
        assert await quotas.stored_limits(resources, tenant, None) == of_tenant
    stricter = ({"uploads_per_day": 2, "turns_per_minute": 4}, {"turns_per_minute": 6, "pictures_per_day": 1})
    found = await limits_of_ann(*stricter)
    # Within the operator's limits, an admin's record of a user is in the place of the one of the tenant.
    assert {name: found[name] for name in operators} == {
        "uploads_per_day": 2,
        "pictures_per_day": 1,
        "turns_per_minute": 6,
    }
    # The operator's reset leaves the admin's limits, and the other way round.
    await quotas.change_limits(resources, tenant, "ann", None)
    assert await quotas.stored_limits(resources, tenant, "ann", of_admin=True) == stricter[1]


async def test_a_larger_limit_of_an_admin_does_not_lift_the_operators_cap(
    serve: ServerMaker, resources: Resources, issuer: Issuer, tenant: str, token: str
) -> None:
    await quotas.change_limits(resources, tenant, None, {"tenant_turns_per_minute": 1})
    async with serve().client(token) as ann:
        assert (await say(ann)).status_code == 200
    for limits in (None, {"tenant_turns_per_minute": 1_000}):
        server = serve(ADMIN_ROLES="boss")
        async with (
            server.client(issuer.token(tenant_id=tenant, sub="eve", role="boss")) as admin,
            server.client(token) as ann,
        ):
            assert (await admin.post(LIMITS, json={"limits": limits})).status_code == 200
            assert (await say(ann)).status_code == 429


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
