"""`make smoke` reads Lambda's REPORT lines from the stack's log group, here on the local AWS."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, cast

import pytest

from scripts.deployment import Deployment
from scripts.smoke_checks.reports import cold_starts
from scripts.smoke_checks.run import Run, Skipped
from tests.support.aws import Aws

GROUP = "/aws/lambda/smoke-reports"
TEMPLATE = {
    "Resources": {"StreamLogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": GROUP}}},
}


@pytest.fixture
def stack(aws_environment: Aws) -> str:
    aws_environment.client("cloudformation").create_stack(StackName="reports", TemplateBody=json.dumps(TEMPLATE))
    return "reports"


def _write(aws: Aws, *records: dict[str, Any]) -> None:
    logs = aws.client("logs")
    logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": json.dumps(record)} for record in records]
    logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)


def _check(stack: str | None) -> str:
    return asyncio.run(cold_starts(Run(cast(Deployment, None), stack_name=stack)))


def test_the_starts_and_the_memory_are_read_from_the_reports(stack: str, aws_environment: Aws) -> None:
    with pytest.raises(Skipped, match="no REPORT line"):
        _check(stack)
    metrics = {"durationMs": 900.0, "memorySizeMB": 1024, "maxMemoryUsedMB": 150}
    _write(
        aws_environment,
        {"type": "platform.report", "record": {"metrics": metrics | {"initDurationMs": 640.4}}},
        {"type": "platform.report", "record": {"metrics": metrics | {"maxMemoryUsedMB": 161}}},
        {"type": "platform.start", "record": {}},
    )
    assert _check(stack) == "2 invocations, at most 161 of 1024 MB, 1 inits, median 640 ms"


def test_without_a_stack_the_check_is_skipped() -> None:
    with pytest.raises(Skipped, match="STACK="):
        _check(None)
