"""Fixtures: the store on both local AWSs, and users of which each test has its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from moto import mock_aws

from assistant.aws import table
from assistant.context import RequestContext, Resources
from assistant.threads.store import ThreadStore
from tests.support.aws import Aws
from tests.support.store import make_moto_bucket, make_moto_table, request_of, resources_on

MakeResources = Callable[..., Resources]


@pytest.fixture(scope="module", params=["moto", "ministack"])
def both_make_resources(request: pytest.FixtureRequest) -> Iterator[MakeResources]:
    """Make resources of a process, on each of the local AWSs."""
    if request.param == "ministack":
        yield request.getfixturevalue("make_resources")
        return
    with mock_aws():
        make_moto_table("threads")
        make_moto_bucket("threads")

        def make(**environment: str) -> Resources:
            return resources_on(None, "threads", "threads", **environment)

        yield make


@pytest.fixture(scope="module")
def make_resources(table_and_bucket: Aws) -> MakeResources:
    """Make resources of a process, on the local AWS that is a server."""

    def make(**environment: str) -> Resources:
        aws = table_and_bucket
        return resources_on(aws, aws.table_name, aws.bucket_name, **environment)

    return make


class User:
    """A user of one test. Each access of `request` makes a new request."""

    def __init__(self, resources: Resources, name: str, tenant_id: str = "acme") -> None:
        self.resources = resources
        self.name = name
        self.tenant_id = tenant_id

    @property
    def request(self) -> RequestContext:
        return request_of(self.resources, self.name, self.tenant_id)

    @property
    def store(self) -> ThreadStore:
        return ThreadStore(self.resources)

    @property
    def dynamodb(self) -> Any:
        return self.resources.table.client

    @property
    def s3(self) -> Any:
        return self.resources.objects.client


@pytest.fixture
def user(both_make_resources: MakeResources, request: pytest.FixtureRequest) -> User:
    """A user on both local AWSs, one after the other."""
    return User(both_make_resources(), request.node.name)


@pytest.fixture
def ann(make_resources: MakeResources, request: pytest.FixtureRequest) -> User:
    """A user on the local AWS that is a server, whose clients can be made to fail."""
    return User(make_resources(), request.node.name)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without waiting, in botocore and in this project."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(table, "FIRST_BACKOFF_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def no_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make failed work of the sweep due again at once."""
    monkeypatch.setattr(import_module("assistant.upkeep.sweep"), "FIRST_WAIT", timedelta(0))
