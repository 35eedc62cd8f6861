"""The thread store's resources on two local AWSs: ministack, as a server, and moto, in this process.

Clients have the time-outs and retries of the deployed ones.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from assistant.aws.client import lambda_config
from assistant.aws.objects import Objects
from assistant.aws.table import Table
from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.settings import load_settings
from tests.support import desk
from tests.support.aws import Aws

MOTO_REGION = "us-east-1"


@cache
def _client(service: str, region: str, endpoint_url: str | None, key: str, secret: str) -> Any:
    session = boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
    config = lambda_config().merge(Config(s3={"addressing_style": "path"})) if service == "s3" else lambda_config()
    # A service that is known by its name while it runs has no type of its own.
    made: Any = session.client
    return made(service, endpoint_url=endpoint_url, config=config)


def aws_client(aws: Aws | None, service: str) -> Any:
    """Return a client for the local AWS, or for moto where `aws` is None. The same one each time."""
    if aws is None:
        return _client(service, MOTO_REGION, None, "test", "test")
    credentials = aws.credentials
    return _client(
        service,
        aws.region,
        aws.endpoint_url,
        credentials["AWS_ACCESS_KEY_ID"],
        credentials["AWS_SECRET_ACCESS_KEY"],
    )


# moto takes no locks: calls that run at once lose writes, or fail over a table that changes under them.
_MOTO_THREAD = ThreadPoolExecutor(1, thread_name_prefix="moto")


def resources_on(aws: Aws | None, table_name: str, bucket_name: str, **environment: str) -> Resources:
    """Return resources of one process on that table and bucket.

    Args:
        aws: The local AWS; None for moto, which must be active.
        table_name: The table.
        bucket_name: The bucket.
        environment: Further variables, such as `RETENTION_DAYS="30"`.
    """
    settings = load_settings(
        {
            "LLM_PROVIDER": "demo",
            "AUTH_MODE": "guest",
            "AGENT_FACTORY": desk.FACTORY,
            "TABLE_NAME": table_name,
            "BUCKET_NAME": bucket_name,
            **environment,
        }
    )
    resources = Resources(settings)
    resources.table = Table(settings, aws_client(aws, "dynamodb"))
    resources.objects = Objects(settings, aws_client(aws, "s3"))
    if aws is None:
        resources.table._threads = resources.objects._threads = _MOTO_THREAD
    return resources


def make_moto_table(name: str) -> None:
    """Create a table as the template does, unless it is there; moto must be active."""
    dynamodb = aws_client(None, "dynamodb")
    if name in dynamodb.list_tables()["TableNames"]:
        return
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )


def make_moto_bucket(name: str) -> None:
    """Create a bucket; moto must be active."""
    aws_client(None, "s3").create_bucket(Bucket=name)


def request_of(resources: Resources, user_id: str, tenant_id: str = "acme") -> RequestContext:
    """Return the context of a new request of a user."""
    return RequestContext(Caller(tenant_id, user_id), resources)
