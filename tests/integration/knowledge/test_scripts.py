"""The operator adds, lists, replaces and removes documents, and an erasure by command removes passages too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.aws.keys import Space
from assistant.context import Resources
from assistant.identity import Caller
from assistant.knowledge import ingest, search
from local.settings import ROOT
from tests.integration.knowledge.conftest import MakeLibrarian
from tests.support.aws import Aws
from tests.support.knowledge import context_of, rows_of

pytestmark = pytest.mark.anyio

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def script(resources: Resources, aws_environment: Aws) -> Script:
    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = aws_environment.environment(KNOWLEDGE="dynamodb", KNOWLEDGE_TABLE_NAME=resources.passages.name)
        command = [sys.executable, "-m", f"scripts.{name}", *arguments]
        path = {"PATH": os.environ["PATH"]}
        return subprocess.run(command, cwd=ROOT, env=path | env, capture_output=True, text=True, check=False)

    return run


async def test_the_operator_adds_replaces_lists_and_removes(
    resources: Resources, script: Script, tmp_path: Path
) -> None:
    file, tenant = tmp_path / "herons.md", Space("operated")
    file.write_text("# Herons\n\nThey wade.")
    added = script("documents", "--tenant", "operated", "--file", str(file))
    assert added.returncode == 0, added.stderr
    document = added.stdout.split()[0]
    assert await ingest(resources, tenant, document)
    file.write_text("# Herons\n\nThey sleep.")
    again = script("documents", "--tenant", "operated", "--file", str(file), "--document", document)
    assert again.returncode == 0, again.stderr
    assert await ingest(resources, tenant, document)
    found = await search(context_of(resources, Caller("operated", "ann")), "herons")
    assert ["They sleep." in hit.passage.text for hit in found] == [True]
    listed = script("documents", "--tenant", "operated")
    assert listed.stdout == f"{document}  herons.md  ready  1/1\n"
    gone = script("documents", "--tenant", "operated", "--remove", document)
    assert gone.stdout == f"{document} is removed.\n"
    assert rows_of(resources) == []
    missing = script("documents", "--tenant", "operated", "--remove", document)
    assert (missing.returncode, missing.stderr) == (1, "There is no such document.\n")


async def test_an_erasure_by_command_removes_passages(
    resources: Resources, librarian: MakeLibrarian, script: Script
) -> None:
    user = Caller("operated", "zoe")
    await librarian(user).added(Space("operated", "zoe"), "a.txt", "Herons of Zoe")
    done = script("erase", "--tenant", "operated", "--user", "zoe", "--confirm", "zoe")
    assert done.returncode == 0, done.stderr
    assert rows_of(resources) == []
