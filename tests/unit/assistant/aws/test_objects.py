"""Answers of the bucket that report errors although boto3 raises none."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from assistant.aws.objects import Objects
from assistant.errors import StoreUnavailableError
from assistant.settings import Settings

pytestmark = pytest.mark.anyio


async def test_objects_that_s3_did_not_remove_are_an_error_whose_reason_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    objects = Objects(Settings(bucket_name="files"), client)
    with Stubber(client) as answers:
        answers.add_response("delete_objects", {"Errors": [{"Key": "items/acme/ann/1", "Code": "SlowDown"}]})
        with pytest.raises(StoreUnavailableError):
            await objects.delete_many(["items/acme/ann/1"])
    assert "1 objects could not be removed: SlowDown" in caplog.text
    assert "ann" not in caplog.text
