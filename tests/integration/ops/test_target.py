"""The operator's commands take the table, the bucket and the retention from the stack that they name."""

from __future__ import annotations

import argparse
import json

import pytest

from scripts.target import open_target
from tests.support.aws import Aws

STACK = "chatkit-target"


def test_a_stack_names_the_table_the_bucket_and_the_retention(
    table_and_bucket: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in table_and_bucket.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    template = {
        "Parameters": {"RetentionDays": {"Type": "String"}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"TableName": {"Value": "the-table"}, "BucketName": {"Value": "the-bucket"}},
    }
    cloudformation = table_and_bucket.client("cloudformation")
    for days, expected in (("30", 30), ("", None)):
        cloudformation.create_stack(
            StackName=f"{STACK}{days}",
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": "RetentionDays", "ParameterValue": days}],
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=f"{STACK}{days}", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        settings = open_target(argparse.Namespace(stack=f"{STACK}{days}")).settings
        assert (settings.table_name, settings.bucket_name) == ("the-table", "the-bucket")
        assert settings.retention_days == expected
