"""Erasing a tenant removes all its users and its own data, and nothing of another tenant."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from assistant import audit, clock, quotas
from assistant.api import create_app
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.settings import load_settings
from assistant.upkeep import sweep
from tests.support.asgi import client
from tests.support.chatkit_client import ChatKitClient
from tests.support.issuer import AUDIENCE, ISSUER
from tests.support.rows import rows_with

if TYPE_CHECKING:
    from tests.integration.ops.conftest import Script
    from tests.support.aws import Aws
    from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio

API = "/chatkit/api"


class Deployment:
    """A deployment whose admins may erase their tenant."""

    def __init__(self, aws: Aws, issuer: Issuer) -> None:
        tokens = {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE, "AUTH_JWKS_URL": issuer.url}
        more = {"LLM_PROVIDER": "demo", "CHAT_TURN_SECONDS": "300", "ADMIN_ROLES": "admin", **tokens}
        self.resources = Resources(load_settings(aws.environment(**more)))
        self._issuer = issuer

    def http(self, tenant: str, user: str, role: str = "admin") -> Any:
        """Return a client of a user."""
        token = self._issuer.token(sub=user, tenant_id=tenant, role=role)
        return client(create_app(self.resources, streaming=True), authorization=f"Bearer {token}")

    async def lived(self, tenant: str, *users: str) -> None:
        """Let users chat, with an own record and a picture each."""
        for user in users:
            chat = ChatKitClient(self.http(tenant, user))
            await chat.say(f"add task {user} feeds the heron")
            await chat.say("!image")

    def left(self, tenant: str) -> tuple[list[str], list[str]]:
        """Return the rows and the objects that name a tenant, without work that is due later."""
        rows = [row for row in rows_with(self.resources, tenant) if "SWEEP#" not in row]
        found = self.resources.objects.client.list_objects_v2(Bucket=self.resources.objects.bucket)
        return rows, [each["Key"] for each in found.get("Contents", []) if tenant in each["Key"]]


@pytest.fixture
def deployment(aws_environment: Aws, issuer: Issuer) -> Deployment:
    return Deployment(aws_environment, issuer)


def later(monkeypatch: pytest.MonkeyPatch, wait: timedelta) -> None:
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + wait)


async def test_an_admin_erases_the_own_tenant_and_sees_the_progress(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deployment.lived("leaving", "ann", "bob")
    await deployment.lived("staying", "ann", "bob")
    before = deployment.left("staying")
    admin = deployment.http("leaving", "ann")
    assert (await admin.get(f"{API}/tenant")).json() == {"erasure": None}
    for wrong in ("", "?confirm=staying"):
        assert (await admin.delete(f"{API}/tenant{wrong}")).status_code == 400
    assert (await deployment.http("leaving", "bob", "user").delete(f"{API}/tenant?confirm=leaving")).status_code == 403
    started = await admin.delete(f"{API}/tenant?confirm=leaving")
    assert started.status_code == 202
    progress = started.json()["erasure"]
    assert (progress["removed_users"], progress["left_users"]) == (0, 2)
    # Another process reads the tenant's record again within a minute. This one has not read it yet.
    deployment.resources.records.clear()
    message = {"content": [{"type": "input_text", "text": "hi"}], "attachments": [], "inference_options": {}}
    refused = await ChatKitClient(admin).post("threads.create", input=message)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "being_erased")
    assert (await sweep(deployment.resources)).failed == 0
    progress = (await admin.get(f"{API}/tenant")).json()["erasure"]
    assert (progress["removed_users"], progress["left_users"]) == (2, 0)
    later(monkeypatch, timedelta(minutes=21))
    assert (await sweep(deployment.resources)).failed == 0
    rows, objects = deployment.left("leaving")
    assert objects == []
    assert len(rows) == 1, "the deployment's trail says that the tenant was erased"
    assert "AUDIT" in rows[0]
    assert deployment.left("staying") == before
    trail = [each async for each in audit.entries(deployment.resources, None)]
    assert [each["tenant"] for each in trail if each["action"] == "tenant.erased"] == ["leaving"]


async def test_the_operators_limits_outlive_an_erasure_by_an_admin_and_go_with_the_operators_own(
    deployment: Deployment, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources, cap = deployment.resources, {"tenant_turns_per_minute": 1}
    await deployment.lived("capped", "ann")
    await quotas.change_limits(resources, "capped", None, cap)
    admin = deployment.http("capped", "ann")
    await admin.post(f"{API}/limits", json={"limits": {"turns_per_minute": 5}})
    assert (await admin.delete(f"{API}/tenant?confirm=capped")).status_code == 202
    assert (await sweep(resources)).failed == 0
    later(monkeypatch, timedelta(minutes=21))
    assert (await sweep(resources)).failed == 0
    assert (await admin.get(f"{API}/tenant")).json() == {"erasure": None}
    assert (await admin.get(f"{API}/limits")).json() == {"limits": {}, "operator_limits": cap}
    assert script("erase_tenant", "--tenant", "capped", "--confirm", "capped").returncode == 0
    later(monkeypatch, timedelta(minutes=21))
    assert (await sweep(resources)).failed == 0
    assert await quotas.stored_limits(resources, "capped", None) == {}


async def test_the_operator_erases_a_tenant_also_its_users_of_earlier_releases(
    deployment: Deployment, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deployment.lived("closing", "ann/with#signs", "bob")
    # Earlier releases have not noted the users.
    for row in [row async for row in deployment.resources.table.rows("TENANT#closing", between=("U#", "U$"), page=9)]:
        await deployment.resources.table.delete(Key(row["pk"], row["sk"]))
    assert script("erase_tenant", "--tenant", "closing").returncode == 1
    done = script("erase_tenant", "--tenant", "closing", "--confirm", "closing")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "All data of tenant closing with 2 users is removed.\n"
    later(monkeypatch, timedelta(minutes=21))
    assert (await sweep(deployment.resources)).failed == 0
    rows, objects = deployment.left("closing")
    assert objects == []
    assert len(rows) == 1


async def test_an_admin_reads_the_trail_of_the_own_tenant_by_pages(deployment: Deployment) -> None:
    await deployment.lived("watched", "ann")
    admin = deployment.http("watched", "boss")
    chat = ChatKitClient(deployment.http("watched", "ann"))
    for _ in range(2):
        chat.thread_id = None
        await chat.say("hello")
        await chat.post("threads.delete", thread_id=chat.thread_id)
    await admin.post(f"{API}/limits", json={"user_id": "ann", "limits": {"turns_per_minute": 5}})
    shown = (await admin.get(f"{API}/audit")).json()
    assert [each["action"] for each in shown["data"]] == ["limits.changed", "thread.deleted", "thread.deleted"]
    assert shown["next"] is None
    assert shown["data"][0]["limits"] == "turns_per_minute=5"
    after = shown["data"][0]["id"]
    rest = (await admin.get(f"{API}/audit", params={"after": after, "user_id": "ann"})).json()
    assert [each["action"] for each in rest["data"]] == ["thread.deleted", "thread.deleted"]
    # Reading the trail is an entry too.
    assert (await admin.get(f"{API}/audit")).json()["data"][0]["action"] == "audit.read"
    assert (await deployment.http("watched", "ann", "user").get(f"{API}/audit")).status_code == 403
    assert (await deployment.http("other", "boss").get(f"{API}/audit")).json()["data"] == []
