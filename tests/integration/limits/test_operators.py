"""`make limits` and `make stop-models` as an operator runs them, and the alarm on spend that stops the models."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from local.settings import ROOT
from tests.integration.limits.conftest import ServerMaker
from tests.integration.limits.test_paid_actions import FILE, PATH
from tests.support.app_server import AppServer, new_thread
from tests.support.aws import Aws
from tests.support.dev import clean_environment

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 90.0
ALARM = {
    "AlarmName": "chatkit-tokens",
    "NewStateValue": "ALARM",
    "OldStateValue": "OK",
    "NewStateReason": "Threshold Crossed: 1 datapoint [2000001.0] was greater than the threshold (2000000.0).",
    "StateChangeTime": "2026-11-30T02:00:00.000+0000",
    "Trigger": {"MetricName": "Tokens", "Namespace": "ChatKit", "Statistic": "SUM", "Period": 86400},
}
# The event of https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html with the message of a CloudWatch alarm.
NOTIFICATION = {
    "Records": [
        {
            "EventVersion": "1.0",
            "EventSource": "aws:sns",
            "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:stop:21be56ed-a058-49f5-8c98-aedd2564c486",
            "Sns": {
                "Type": "Notification",
                "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
                "TopicArn": "arn:aws:sns:us-east-1:123456789012:stop",
                "Subject": "ALARM: chatkit-tokens",
                "Message": json.dumps(ALARM),
                "Timestamp": "2026-11-30T02:00:00.000Z",
                "MessageAttributes": {},
            },
        }
    ]
}
SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event"}
# The runtime calls the handler in a process of its own.
INVOCATION = """
import json, sys
import app
class Context:
    def get_remaining_time_in_millis(self):
        return 60_000
print(json.dumps(app.lambda_handler(json.loads(sys.argv[1]), Context())))
"""


class Operator:
    """A shell of an operator, with the deployment's table."""

    def __init__(self, aws: Aws) -> None:
        self._env = clean_environment(**aws.environment(LLM_PROVIDER="demo"))

    def make(self, target: str, **variables: str) -> tuple[int, str]:
        """Run a target, and return its exit code and what it prints."""
        command = ["make", "--silent", target, *(f"{name}={value}" for name, value in variables.items())]
        done = subprocess.run(command, cwd=ROOT, env=self._env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout if done.returncode == 0 else done.stderr

    def invoke_sweep(self, event: dict[str, Any]) -> Any:
        """Call the handler of the function `sweep`, and return its result."""
        done = subprocess.run(
            [sys.executable, "-c", INVOCATION, json.dumps(event)],
            cwd=ROOT / "functions" / "sweep",
            env={**self._env, "PYTHONPATH": str(ROOT / "layers" / "agents")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def operator(table_and_bucket: Aws) -> Operator:
    return Operator(table_and_bucket)


async def code_of(server: AppServer, token: str, body: Any) -> tuple[int, Any]:
    async with server.client(token) as client:
        answer = await client.post(PATH, json=body)
    return answer.status_code, None if answer.status_code == 200 else answer.json()["error"]["code"]


async def becomes(server: AppServer, token: str, wanted: tuple[int, Any]) -> None:
    """Wait until a message gets this answer, which a change of the stop brings about within a minute."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while (found := await code_of(server, token, new_thread("hello"))) != wanted:
        assert time.monotonic() < patience, found
        await asyncio.sleep(1)


async def test_make_limits_writes_shows_and_removes_the_record_of_a_user_and_of_a_tenant(
    serve: ServerMaker, operator: Operator, tenant: str, token: str
) -> None:
    server = serve()
    whose = {"TENANT": tenant, "USER": "ann"}
    assert operator.make("limits", **whose) == (0, "There is no record: the settings hold.\n")
    written = operator.make("limits", **whose, LIMITS="uploads_per_day=1 spend_per_day=0.5 tokens_per_day=none")
    assert written == (0, "spend_per_day=0.5\ntokens_per_day=none\nuploads_per_day=1\n")
    assert operator.make("limits", **whose) == written
    assert [await code_of(server, token, FILE) for _ in range(2)] == [(200, None), (429, "quota_exceeded")]
    # The tenant's record is another one.
    assert operator.make("limits", TENANT=tenant)[1].startswith("There is no record")
    assert operator.make("limits", TENANT=tenant, LIMITS="tenant_turns_per_minute=1")[0] == 0
    assert operator.make("limits", TENANT=tenant, LIMITS="reset")[1].startswith("There is no record")
    assert operator.make("limits", **whose, LIMITS="reset")[0] == 0
    assert await code_of(server, token, FILE) == (200, None)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "make limits: TENANT=…: it has to be given"),
        ({"LIMITS": "luck=1"}, "There is no limit luck. The limits are: turns_per_minute"),
        ({"LIMITS": "turns_per_minute=many"}, "'turns_per_minute=many' is not NAME=NUMBER or NAME=none."),
        ({"LIMITS": "turns_per_minute=0"}, "The limit turns_per_minute must be a whole number from 1 to 500."),
        ({"USER": "ann", "LIMITS": "tenant_spend_per_day=1"}, "There is no limit tenant_spend_per_day."),
    ],
)
def test_make_limits_names_what_is_wrong_and_changes_nothing(
    operator: Operator, tenant: str, variables: dict[str, str], told: str
) -> None:
    whose = {"TENANT": tenant} if variables else {}
    status, said = operator.make("limits", **whose, **variables)
    assert status != 0
    assert said.startswith(told)
    assert operator.make("limits", TENANT=tenant)[1].startswith("There is no record")


# Waits half a minute for the servers to read the record again. test_records.py has the stop in the short form.
@pytest.mark.exhaustive
async def test_make_stop_models_stops_paid_calls_and_make_start_models_allows_them(
    serve: ServerMaker, operator: Operator, token: str
) -> None:
    server = serve()
    assert await code_of(server, token, new_thread("hello")) == (200, None)
    assert operator.make("stop-models", REASON="a test") == (0, "Within a minute, all paid calls are stopped.\n")
    await becomes(server, token, (503, "models_stopped"))
    assert operator.make("start-models") == (0, "Within a minute, all paid calls are allowed.\n")
    await becomes(server, token, (200, None))


# Waits half a minute for the servers to read the record again. test_records.py has the stop in the short form.
@pytest.mark.exhaustive
async def test_the_alarm_on_spend_stops_paid_calls_and_the_schedule_does_not(
    serve: ServerMaker, operator: Operator, token: str
) -> None:
    server = serve()
    try:
        assert operator.invoke_sweep(SCHEDULED)["failed"] == 0
        # A process that starts now reads the record first.
        assert await code_of(serve(), token, new_thread("hello")) == (200, None)
        assert operator.invoke_sweep(NOTIFICATION)["failed"] == 0
        assert await code_of(serve(), token, new_thread("hello")) == (503, "models_stopped")
        await becomes(server, token, (503, "models_stopped"))
    finally:
        assert operator.make("start-models")[0] == 0
    await becomes(server, token, (200, None))
