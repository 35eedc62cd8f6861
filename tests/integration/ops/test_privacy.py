"""Export and erasure cover all data of one user and no other's, and continue after an interruption."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from assistant import clock
from assistant.approvals import runs
from assistant.context import Resources
from assistant.errors import StoreUnavailableError
from assistant.identity import Caller
from assistant.threads import deletion as deletion_module
from assistant.upkeep import privacy
from assistant.upkeep.sweep import sweep
from tests.support.asgi import MakeClient
from tests.support.chatkit_client import ChatKitClient

if TYPE_CHECKING:
    from tests.integration.ops.conftest import Script
    from tests.support.aws import Aws
    from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio

FILE = b"the heron's file"


async def _live(open_client: MakeClient, issuer: Issuer, user: str) -> Caller:
    """Let a user do everything that stores data, and return the user."""
    token = {"Authorization": f"Bearer {issuer.token(sub=user, tenant_id='acme')}"}
    http = open_client("stream", **token)
    client = ChatKitClient(http)
    await client.say(f"add task {user} feeds the heron")
    await client.say(f"open a ticket for {user}'s printer")
    said = [item["id"] for item in client.done() if item["type"] == "assistant_message"]
    feedback = await client.post("items.feedback", thread_id=client.thread_id, item_ids=said, kind="positive")
    assert feedback.status_code == 200, feedback.text
    upload = await open_client("upload", **token).post(
        "/chatkit/api/upload", files={"file": (f"{user}.txt", FILE, "text/plain")}
    )
    content = [{"type": "input_text", "text": "read it"}]
    message = {"content": content, "attachments": [upload.json()["id"]], "inference_options": {}}
    await client.stream("threads.create", input=message)
    return Caller("acme", user)


def _everything(aws: Aws) -> str:
    """Return all rows and all object keys, as one text."""
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=aws.table_name)
    rows = [row for page in pages for row in page["Items"]]
    objects = aws.client("s3").list_objects_v2(Bucket=aws.bucket_name).get("Contents", [])
    return json.dumps([rows, [each["Key"] for each in objects]], default=str)


async def test_an_export_has_all_of_one_user_and_nothing_of_another(
    open_client: MakeClient, issuer: Issuer, script: Script, tmp_path: Path
) -> None:
    for user in ("ann-export", "bob-export"):
        await _live(open_client, issuer, user)
    arguments = ["--tenant", "acme", "--user", "ann-export", "--out", str(tmp_path)]
    done = script("export", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 threads and 1 files, 3 of them fetched now")
    threads = [json.loads(path.read_text()) for path in sorted((tmp_path / "threads").iterdir())]
    assert {item["type"] for thread in threads for item in thread["items"]} >= {"user_message", "assistant_message"}
    assert [turn for thread in threads for turn in thread["turns"] if turn.get("outcome") == "done"]
    assert [item for thread in threads for item in thread["items"] if item.get("feedback") == "positive"]
    assert [path.read_bytes() for path in (tmp_path / "files").iterdir()] == [FILE]
    account = json.loads((tmp_path / "account.json").read_text())
    records = json.dumps(account["records"])
    assert "ann-export feeds the heron" in records
    assert "ann-export's printer" in records
    assert "bob-export" not in json.dumps([threads, account])

    # A second run after an interruption fetches only missing files.
    next((tmp_path / "threads").iterdir()).unlink()
    assert script("export", *arguments).stdout.startswith("2 threads and 1 files, 1 of them fetched now")
    nobody = script("export", "--tenant", "acme", "--user", "nobody", "--out", str(tmp_path / "nobody"))
    assert nobody.returncode == 1
    assert "No data is stored for user nobody of tenant acme." in nobody.stderr


async def test_what_waits_in_the_bucket_is_exported_and_erased(
    open_client: MakeClient,
    issuer: Issuer,
    resources: Resources,
    table_and_bucket: Aws,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "MAX_INLINE_BYTES", 0)
    user = Caller("acme", "ann-bucket")
    token = issuer.token(sub=user.user_id, tenant_id=user.tenant_id)
    client = ChatKitClient(open_client("stream", Authorization=f"Bearer {token}"))
    await client.say("!image")
    await client.say("refund invoice 502")
    assert client.thread_id is not None
    prefix = user.thread(client.thread_id).object_prefix
    assert len(await resources.objects.first_keys(prefix)) == 2, "a picture and a run"
    exported = await privacy.thread_data(resources, user, client.thread_id)
    (run,) = [row for row in exported["other"] if "waiting" in row]
    assert "refund invoice 502" in json.dumps(run["original_input"])
    (picture,) = [item for item in exported["items"] if item["type"] == "generated_image"]
    assert picture["image"]["url"].startswith("data:image/png;base64,")
    assert await privacy.erase(resources, await privacy.request_erasure(resources, user))
    assert await resources.objects.first_keys(prefix) == []


async def test_an_erasure_leaves_nothing_of_one_user_and_all_of_another(
    open_client: MakeClient,
    issuer: Issuer,
    script: Script,
    resources: Resources,
    table_and_bucket: Aws,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for user in ("ann-erase", "bob-erase"):
        await _live(open_client, issuer, user)
    others = _everything(table_and_bucket).count("bob-erase")
    arguments = ["--tenant", "acme", "--user", "ann-erase"]
    refused = script("erase", *arguments)
    assert refused.returncode == 1
    assert "CONFIRM=ann-erase" in refused.stderr
    assert "ann-erase" in _everything(table_and_bucket)
    for _ in range(2):
        done = script("erase", *arguments, "--confirm", "ann-erase")
        assert done.returncode == 0, done.stderr
    assert _only_later_work(_everything(table_and_bucket), "ann-erase"), "something of the user is left"
    _let_time_pass(monkeypatch)
    await sweep(resources)
    left = _everything(table_and_bucket)
    assert _only_unsent_work(left, "ann-erase"), "something of the user is left"
    assert left.count("bob-erase") == others


def _only_later_work(everything: str, user: str) -> bool:
    """Tell whether only work that is due later, and the mark of the erasure, still name a user."""
    rows, objects = json.loads(everything)
    naming: list[dict[str, Any]] = [row for row in rows if user in json.dumps(row)]
    return not [key for key in objects if user in key] and all(
        (row["pk"]["S"].startswith("SWEEP#") and row["kind"]["S"] in ("attachment", "erase"))
        or "erasing" in row
        or row["sk"]["S"].startswith("U#")
        for row in naming
    )


def _only_unsent_work(everything: str, user: str) -> bool:
    """Tell whether only work that is due later, and then finds nothing, still names a user."""
    rows, _ = json.loads(everything)
    naming: list[dict[str, Any]] = [row for row in rows if user in json.dumps(row)]
    return all(row["pk"]["S"].startswith("SWEEP#") and row["kind"]["S"] == "attachment" for row in naming)


def _let_time_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so much time pass that the erasure looks once more."""
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + privacy.AGAIN_AFTER + timedelta(minutes=1))


async def test_an_erasure_that_is_cut_off_is_finished_by_the_sweep(
    open_client: MakeClient,
    issuer: Issuer,
    resources: Resources,
    table_and_bucket: Aws,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Let a deletion leave rows for the sweep, as for a long thread.
    monkeypatch.setattr(deletion_module, "INLINE_ROWS", 1)
    user = await _live(open_client, issuer, "ann-cut")
    work = await privacy.request_erasure(resources, user)
    for step in ("delete_many", "delete_prefix"):
        # The store becomes unavailable during the erasure, as in a crash.
        with (
            patch.object(resources.objects, step, side_effect=StoreUnavailableError),
            pytest.raises(StoreUnavailableError),
        ):
            await privacy.erase(resources, work)
    assert not await privacy.erase(resources, work, time_is_up=lambda: True)
    assert (await sweep(resources)).failed == 0
    assert _only_later_work(_everything(table_and_bucket), "ann-cut")
    assert (await sweep(resources)).finished == 0
    _let_time_pass(monkeypatch)
    await sweep(resources)
    assert _only_unsent_work(_everything(table_and_bucket), "ann-cut")
