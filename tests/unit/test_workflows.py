"""The GitHub workflows have few permissions, and pin every action to a commit."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from local.settings import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def _steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(path: Any) -> None:
    used = re.findall(r"uses: (.+)", path.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_workflow_may_write_and_only_the_deploy_gets_an_identity(path: Any) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        wanted = {"contents": "read", "id-token": "write"} if name == "deploy" else None
        assert job.get("permissions") == wanted
        assert ("environment" in job) == (name == "deploy")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_workflow_holds_a_key(path: Any) -> None:
    assert "secrets." not in path.read_text()


def test_nothing_is_deployed_that_was_not_tested() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())
    assert workflow["jobs"]["deploy"]["needs"] == "test"
    # A job whose `needs` was left out is left out too: the condition stands where it spares the tests as well.
    assert "vars.DEPLOY_ON_PUSH" in workflow["jobs"]["test"]["if"]
    assert "if" not in workflow["jobs"]["deploy"]
    assert ".ci/run" in [step.get("run") for step in _steps(workflow)]


def test_each_push_is_tested_whatever_its_branch() -> None:
    # YAML 1.1 takes the key `on` for a truth.
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())
    assert workflow[True] == {"push": None, "pull_request": None}
    assert ".ci/run" in [step.get("run") for step in _steps(workflow)]


def test_a_deploy_takes_a_role_by_its_identity_in_an_environment_that_may_want_approval() -> None:
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"]["deploy"]
    [credentials] = [step for step in job["steps"] if "configure-aws-credentials" in step.get("uses", "")]
    assert set(credentials["with"]) == {"role-to-assume", "aws-region"}
    assert "inputs.environment" in job["environment"]
    assert any("sam deploy --config-env" in step.get("run", "") for step in job["steps"])
