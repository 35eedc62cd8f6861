"""Runs the SDK's own tests on our store: what they import comes from three folders.

`tests` is a namespace package, so the SDK's `tests.test_store`, our `tests._types` for it and this suite live in
one package side by side.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.contract.sdk import sdk_tests


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "asyncio: how the SDK marks its coroutine tests; here anyio runs them")
    sys.path += [str(sdk_tests(config.cache.mkdir("sdk"))), str(Path(__file__).parent / "supplied")]


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    """An empty AWS for each test, in this process."""
    with mock_aws():
        yield


@pytest.fixture(autouse=True)
def new_requests(aws: None) -> None:
    """The SDK's tests share a context, which for us is one request's: let it forget the test before."""
    from tests._types import RequestContext

    RequestContext.forget_all()
