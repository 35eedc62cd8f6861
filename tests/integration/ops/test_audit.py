"""The audit trail says who did what, as rows and as log lines, and contains no text and no user's name."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from assistant import audit
from assistant.aws import keys
from assistant.context import Resources
from assistant.identity import Caller
from assistant.ids import prefix_time
from assistant.observability import user_hash
from tests.support.asgi import MakeClient
from tests.support.chatkit_client import ChatKitClient

if TYPE_CHECKING:
    from tests.integration.ops.conftest import Script
    from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio


async def _decide(client: ChatKitClient, button: str) -> None:
    card = next(item for item in reversed(await client.items()) if item["type"] == "widget")
    await client.click(card, card["widget"][button]["action"])


async def _trail(resources: Resources, tenant_id: str | None) -> list[dict[str, Any]]:
    return [each async for each in audit.entries(resources, tenant_id)]


async def test_decisions_and_deletions_are_in_the_trail_and_in_the_log(
    open_client: MakeClient,
    issuer: Issuer,
    resources: Resources,
    script: Script,
    caplog: pytest.LogCaptureFixture,
) -> None:
    user, tenant = "ann-audited", "audited"
    caplog.set_level(logging.INFO)
    token = {"Authorization": f"Bearer {issuer.token(sub=user, tenant_id=tenant)}"}
    client = ChatKitClient(open_client("stream", **token))
    await client.say("refund invoice 502")
    await _decide(client, "cancel")
    await client.say("refund invoice 502")
    await _decide(client, "confirm")
    upload = await open_client("upload", **token).post(
        "/chatkit/api/upload", files={"file": ("heron.txt", b"a heron", "text/plain")}
    )
    await client.post("attachments.delete", attachment_id=upload.json()["id"])
    await client.post("threads.delete", thread_id=client.thread_id)
    trail = await _trail(resources, tenant)
    actions = ["thread.deleted", "file.deleted", "call.approved", "call.rejected"]
    assert [entry["action"] for entry in trail] == actions
    assert {entry["by"] for entry in trail} == {user_hash(tenant, user, resources.settings.user_hash_salt)}
    assert {entry["tool"] for entry in trail[2:]} == {"refund_invoice"}
    assert all(entry["thread_id"] == client.thread_id for entry in [trail[0], *trail[2:]])
    assert trail[1]["file_id"] == upload.json()["id"]
    stored = json.dumps(trail)
    assert user not in stored
    assert "heron" not in stored
    assert "invoice_id" not in stored
    logged = [vars(record) for record in caplog.records if record.getMessage() == "audit"]
    assert [line["action"] for line in logged] == actions[::-1]
    assert {line["tenant_id"] for line in logged} == {tenant}

    shown = script("audit", "--tenant", tenant, "--user", user)
    assert [json.loads(line)["action"] for line in shown.stdout.splitlines()] == actions
    first = script("audit", "--tenant", tenant, "--most", "3")
    assert len(first.stdout.splitlines()) == 3
    last = json.loads(first.stdout.splitlines()[-1])["id"]
    assert f"AFTER={last}" in first.stderr
    rest = script("audit", "--tenant", tenant, "--after", last)
    assert [json.loads(line)["action"] for line in rest.stdout.splitlines()] == ["call.rejected"]
    for arguments in (["--tenant", tenant, "--user", "eve"], ["--tenant", "other"], []):
        nothing = script("audit", *arguments)
        assert (nothing.returncode, nothing.stdout) == (1, "")


async def test_entries_expire_after_the_days_of_the_setting(resources: Resources) -> None:
    made = audit.entry(resources, "thread.deleted", by=Caller("expiring", "ann"), tenant_id="expiring")
    await audit.record(resources, made)
    (row,) = (await resources.table.query("TENANT#expiring", between=(keys.FIRST_SK, keys.LAST_SK), limit=9))[0]
    days = (row["ttl"] - prefix_time(row["sk"].removeprefix("L#")).timestamp()) / 86_400
    assert 364.9 < days < 365.1


async def test_a_decision_that_is_refused_leaves_no_entry(
    open_client: MakeClient, issuer: Issuer, resources: Resources
) -> None:
    token = {"Authorization": f"Bearer {issuer.token(sub='ann', tenant_id='refused')}"}
    client = ChatKitClient(open_client("stream", **token))
    await client.say("refund invoice 502")
    card = client.widget()
    params = {"thread_id": client.thread_id, "item_id": card["id"], "action": card["widget"]["confirm"]["action"]}
    assert (await client.post("threads.custom_action", **params)).status_code == 200
    assert (await client.post("threads.custom_action", **params)).status_code == 404
    assert len(await _trail(resources, "refused")) == 1
