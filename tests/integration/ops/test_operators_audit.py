"""Each command of the operator that changes or reads users' data leaves an entry by `operator` in the audit trail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assistant.context import Resources
from assistant.observability import user_hash
from tests.support.asgi import MakeClient
from tests.support.chatkit_client import ChatKitClient

if TYPE_CHECKING:
    from tests.integration.ops.conftest import Script
    from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio


def _trail(script: Script, *arguments: str) -> list[dict[str, Any]]:
    shown = script("audit", *arguments)
    assert shown.returncode == 0, shown.stderr
    return [json.loads(line) for line in shown.stdout.splitlines()]


async def test_each_command_writes_an_entry_by_the_operator(
    open_client: MakeClient, issuer: Issuer, resources: Resources, script: Script, tmp_path: Path
) -> None:
    user, tenant = "ann-operated", "operated"
    token = {"Authorization": f"Bearer {issuer.token(sub=user, tenant_id=tenant)}"}
    await ChatKitClient(open_client("stream", **token)).say("hello")
    whose = ("--tenant", tenant, "--user", user)
    for command, *arguments in (
        ("limits", *whose, "--limits", "turns_per_minute=5"),
        ("limits", "--tenant", tenant, "--limits", "reset"),
        ("export", *whose, "--out", str(tmp_path / "export")),
        ("erase", *whose, "--confirm", user),
        ("stop_models", "--reason", "a test"),
        ("stop_models", "--start"),
    ):
        done = script(command, *arguments)
        assert done.returncode == 0, done.stderr
    trail = _trail(script, "--tenant", tenant)
    actions = ["user.erased", "data.exported", "limits.changed", "limits.changed"]
    assert [entry["action"] for entry in trail] == actions
    hashed = user_hash(tenant, user, resources.settings.user_hash_salt)
    assert [entry.get("about") for entry in trail] == [hashed, hashed, None, hashed]
    assert [entry["limits"] for entry in trail[2:]] == ["removed", "turns_per_minute=5"]
    deployment = _trail(script)
    assert [(entry["action"], entry.get("reason")) for entry in deployment] == [
        ("models.started", None),
        ("models.stopped", "a test"),
    ]
    assert {entry["by"] for entry in [*trail, *deployment]} == {"operator"}
    # Showing a record changes nothing, and a command that is refused does nothing.
    assert script("limits", "--tenant", tenant).returncode == 0
    assert script("erase", *whose).returncode == 1
    assert _trail(script, "--tenant", tenant) == trail
