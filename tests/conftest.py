"""Fixtures for every test."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from assistant.aws import objects, table

pytest_plugins = [
    "tests.support.aws",
    "tests.support.browser",
    "tests.support.build",
    "tests.support.dev",
    "tests.support.frontend",
    "tests.support.rie",
]


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of every coroutine test: the one that Lambda's runtimes have."""
    return "asyncio"


@pytest.fixture(autouse=True)
def clients_of_secrets() -> None:
    """Forget Powertools' clients of Secrets Manager: another test may have made them for another Region."""
    known = sys.modules.get("aws_lambda_powertools.utilities.parameters.constants")
    if known is not None:
        known.DEFAULT_PROVIDERS.clear()


@pytest.fixture(scope="session", autouse=True)
def patient_store() -> Iterator[None]:
    """Give a local AWS on a busy machine more time for a call than DynamoDB and S3 get."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "TABLE_CALL_SECONDS", 60.0)
        patch.setattr(objects, "OBJECT_CALL_SECONDS", 60.0)
        yield
