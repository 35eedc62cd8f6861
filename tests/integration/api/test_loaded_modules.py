"""Each function loads only what its requests need: imports take most of a cold start."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from local.settings import ROOT
from tests.support.aws import Aws
from tests.support.events import event

SDKS = ["agents", "openai", "chatkit.server", "chatkit.agents", "mcp"]
# Parts of what a request does need, which no request of these uses.
PARTS = ["boto3", "s3transfer", "chatkit.widgets", "fastapi.openapi.models", "jinja2", "pydantic.v1.main"]
PROGRAM = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
import app

class Context:
    aws_request_id = "1"
    def get_remaining_time_in_millis(self): return 60_000

given = json.load(sys.stdin)
statuses = [app.lambda_handler(each, Context())["statusCode"] for each in given["events"]]
loaded = [name for name in given["modules"] if name in sys.modules]
print(json.dumps([statuses, loaded]), file=answers, flush=True)
"""


def loaded(aws: Aws, function: str, samples: list[str], modules: list[str]) -> tuple[list[int], list[str]]:
    """Return the statuses of a function's answers to these events, and which of these modules it has loaded."""
    folder = ROOT / "functions" / function
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps({"events": [event(name) for name in samples], "modules": modules}),
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT / "layers" / "agents", ROOT))),
            **aws.environment(LLM_PROVIDER="demo", AGENT_FACTORY="benchmarks.cold_agent:build_agent"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    statuses, names = json.loads(done.stdout)
    return statuses, names


@pytest.mark.parametrize(
    ("function", "samples", "statuses"),
    [
        ("chat", ["chat/threads.list", "chat/threads.get_by_id", "chat/items.list"], [200, 404, 404]),
        ("upload", ["upload/upload"], [200]),
    ],
)
def test_reads_and_uploads_load_no_sdk(
    aws_environment: Aws, function: str, samples: list[str], statuses: list[int]
) -> None:
    assert loaded(aws_environment, function, samples, [*SDKS, *PARTS]) == (statuses, [])
    # The test would see them.
    assert loaded(aws_environment, function, samples, ["botocore", "mangum"]) == (statuses, ["botocore", "mangum"])


def test_a_function_that_starts_loads_neither_a_client_of_aws_nor_another_functions_handler(
    aws_environment: Aws,
) -> None:
    assert loaded(aws_environment, "stream", [], ["mangum", "botocore", *SDKS, *PARTS]) == ([], [])
    assert loaded(aws_environment, "chat", [], ["mangum", "botocore", *SDKS, *PARTS]) == ([], ["mangum"])


def test_a_message_loads_the_sdks_but_not_the_parts_that_it_does_not_use(aws_environment: Aws) -> None:
    modules = [*SDKS, "openai.resources.chat", "agents.sandbox", *PARTS]
    statuses, names = loaded(aws_environment, "chat", ["chat/threads.create"], modules)
    assert statuses == [200]
    assert names == ["agents", "openai", "chatkit.server", "chatkit.agents"]
