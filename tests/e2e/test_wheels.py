"""The platform as wheels, in a project that has nothing of this repository but them and a template."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.settings import ROOT
from scripts.wheels import UV, build, wheels
from tests.support.aws import Aws
from tests.support.lambda_events import function_url_event
from tests.support.stream_process import StreamProcess

PROJECT = ROOT / "tests" / "packages" / "wheels_only"


@pytest.mark.exhaustive
def test_a_project_with_the_wheels_answers_under_the_streaming_runtime(tmp_path: Path, table_and_bucket: Aws) -> None:
    made, project = tmp_path / "wheels", tmp_path / "project"
    made.mkdir()
    for wheel in wheels():
        build(wheel, made)
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    # What `sam build` does: the libraries lie beside the code.
    requirements = ["--find-links", str(made), "--requirement", str(project / "requirements.txt")]
    install = [str(UV), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(project)]
    subprocess.run([*install, *requirements], check=True)
    environment: dict[str, Any] = table_and_bucket.environment(
        LLM_PROVIDER="demo", ALLOW_DEMO="true", AGENT_FACTORY="shop:build_agent", LAMBDA_TASK_ROOT=str(project)
    )
    # Without this repository, and without the libraries of its environment.
    environment |= {"PYTHONPATH": str(project), "PYTHONNOUSERSITE": "1"}
    python = str(Path(sys.base_prefix, "bin", "python3"))
    wrapper = project / "lambda_stream" / "stream-runtime"
    body = json.dumps({"message": {"content": "!tool opening_hours {}"}})
    sent = function_url_event("/chatkit/api", method="POST", body=body, headers={"content-type": "application/json"})
    with StreamProcess("app:app", wrapper=wrapper, interpreter=python, **environment) as process:
        answer = process.submit(sent).response(120)
    assert answer.status == 200
    assert "from nine to five" in answer.payload.decode()


def test_the_template_of_such_a_project_is_valid() -> None:
    lint = [str(ROOT / ".envs" / "sam" / "bin" / "cfn-lint"), "--ignore-checks", "W", "ES", "-t"]
    done = subprocess.run([*lint, str(PROJECT / "template.yaml")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
