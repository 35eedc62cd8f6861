"""Fixtures: a table in moto, and a caller."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from assistant.aws.table import Table
from assistant.context import Resources
from assistant.identity import Caller
from assistant.settings import Settings
from tests.support.conversation import Conversation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[DynamoDBClient]:
    """One client for a module's tests: making one costs more than most of them."""
    with mock_aws():
        yield boto3.client(
            "dynamodb", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
        )


@pytest.fixture
def resources(dynamodb: DynamoDBClient) -> Resources:
    """The process's resources, with a table that only this test uses."""
    name = f"helpdesk-{uuid.uuid4().hex}"
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    settings = Settings(table_name=name, agent_factory="helpdesk:build_agent")
    resources = Resources(settings)
    resources.table = Table(settings, dynamodb)
    # moto's transactions are seen half-done by calls at the same time; DynamoDB's are not.
    resources.table._threads = ThreadPoolExecutor(1)
    return resources


@pytest.fixture
def caller() -> Caller:
    return Caller("acme", "ann")


@pytest.fixture
async def conversation(resources: Resources, caller: Caller) -> Conversation:
    """A thread of the caller's with the helpdesk."""
    return await Conversation.start(resources, caller)
