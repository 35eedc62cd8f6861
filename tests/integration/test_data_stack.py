"""The table and the bucket of `template.yaml`, as the local AWS makes them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from local.emulator import Emulator
from local.stack import deploy
from tests.support.aws import PAGE_ORIGIN, Aws


def test_the_table_has_string_keys_and_lets_items_expire(table_and_bucket: Aws) -> None:
    dynamodb = table_and_bucket.client("dynamodb")
    table = dynamodb.describe_table(TableName=table_and_bucket.table_name)["Table"]
    keys = {key["AttributeName"]: key["KeyType"] for key in table["KeySchema"]}
    types = {name["AttributeName"]: name["AttributeType"] for name in table["AttributeDefinitions"]}
    assert keys == {"pk": "HASH", "sk": "RANGE"}
    assert types == {"pk": "S", "sk": "S"}
    expiry = dynamodb.describe_time_to_live(TableName=table_and_bucket.table_name)["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def test_a_page_of_an_allowed_origin_alone_may_upload_to_a_presigned_url(table_and_bucket: Aws) -> None:
    url = table_and_bucket.client("s3").generate_presigned_url(
        "put_object", Params={"Bucket": table_and_bucket.bucket_name, "Key": "a", "ContentType": "text/plain"}
    )

    def preflight(origin: str) -> str | None:
        headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        request = urllib.request.Request(url, method="OPTIONS", headers=headers)
        try:
            with urllib.request.urlopen(request) as response:
                allowed: str | None = response.headers.get("Access-Control-Allow-Origin")
                return allowed
        except urllib.error.HTTPError:
            return None

    assert preflight(PAGE_ORIGIN) == PAGE_ORIGIN
    assert preflight("https://elsewhere.example") is None


def test_deploying_again_keeps_the_table_and_the_bucket(ministack: Emulator) -> None:
    first = deploy(ministack.endpoint_url, "again")
    assert deploy(ministack.endpoint_url, "again") == first
    assert deploy(ministack.endpoint_url, "again", ["https://app.example.com"]) == first


def _await(condition: Callable[[], bool]) -> None:
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to be within 20 s")


def test_what_was_written_survives_a_kill(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path, persist=True)
    try:
        made = deploy(emulator.endpoint_url, "kept")
        aws = Aws(emulator.endpoint_url, made.table_name, made.bucket_name)
        key = {"pk": {"S": "p"}, "sk": {"S": "s"}}
        aws.client("dynamodb").put_item(TableName=made.table_name, Item=key)
        aws.client("s3").put_object(Bucket=made.bucket_name, Key="file", Body=b"bytes")
        saved = tmp_path / "services" / "dynamodb.json"
        _await(lambda: saved.exists() and json.dumps("s") in saved.read_text().replace("\\", ""))
    finally:
        emulator.process.kill()
        emulator.stop()
    with Emulator(tmp_path, persist=True) as again:
        assert deploy(again.endpoint_url, "kept") == made
        aws = Aws(again.endpoint_url, made.table_name, made.bucket_name)
        assert aws.client("dynamodb").get_item(TableName=made.table_name, Key=key)["Item"] == key
        body = aws.client("s3").get_object(Bucket=made.bucket_name, Key="file")["Body"].read()
        assert body == b"bytes"


def test_a_port_that_is_taken_is_named(ministack: Emulator, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=f"port {ministack.port}"):
        Emulator(tmp_path, port=ministack.port)
