"""The local AWS for tests: one ministack per test process, and a new table and bucket per test module."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from local import stack
from local.emulator import CREDENTIALS, REGION, Emulator
from tests.support import desk

# The page's origin that the bucket's CORS rules let in.
PAGE_ORIGIN = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Aws:
    """A table and a bucket on the local AWS, and how to reach them.

    Attributes:
        endpoint_url: Where the local AWS answers, such as `http://127.0.0.1:36511`.
        table_name: The table, made from the definition in `template.yaml`.
        bucket_name: The bucket, made from the same.
        region: The region that requests are signed for.
        credentials: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
        agent_factory: The agents that answer; the tests of a package name their own.
    """

    endpoint_url: str
    table_name: str
    bucket_name: str
    region: str = REGION
    credentials: dict[str, str] = field(default_factory=lambda: dict(CREDENTIALS))
    agent_factory: str = desk.FACTORY

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a function's environment holds here, for `load_settings` or a child process.

        Args:
            more: Variables that are added or that replace one: `LLM_PROVIDER="demo"`.
        """
        return {
            **self.credentials,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "TABLE_NAME": self.table_name,
            "BUCKET_NAME": self.bucket_name,
            "AUTH_MODE": "guest",
            "ALLOWED_ORIGINS": PAGE_ORIGIN,
            "AGENT_FACTORY": self.agent_factory,
            **more,
        }

    def client(self, service: str) -> Any:
        """Return a boto3 client, such as `aws.client("s3")`."""
        return stack.client(service, self.endpoint_url)


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A local AWS of this test process's own: `.endpoint_url`, `.port`, `.environment()`."""
    with Emulator(tmp_path_factory.mktemp("ministack")) as emulator:
        yield emulator


def make_table_and_bucket(emulator: Emulator) -> Aws:
    """Deploy one more table and bucket; some 70 ms."""
    made = stack.deploy(emulator.endpoint_url, f"t{uuid.uuid4().hex[:12]}", [PAGE_ORIGIN])
    return Aws(emulator.endpoint_url, made.table_name, made.bucket_name)


@pytest.fixture(scope="module")
def table_and_bucket(ministack: Emulator) -> Aws:
    """A table and a bucket that only this test module uses."""
    return make_table_and_bucket(ministack)


@pytest.fixture
def fresh_table_and_bucket(ministack: Emulator) -> Aws:
    """A table and a bucket that only this test uses."""
    return make_table_and_bucket(ministack)


@pytest.fixture
def aws_environment(table_and_bucket: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The module's table and bucket, with this process's environment set to them for the test's time."""
    for name, value in table_and_bucket.environment().items():
        monkeypatch.setenv(name, value)
    return table_and_bucket
