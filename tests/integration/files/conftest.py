"""Fixtures: two callers on one table and bucket, and the files that they send."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.settings import load_settings
from tests.support.aws import Aws


@pytest.fixture
def resources(aws_environment: Aws) -> Resources:
    return Resources(load_settings(aws_environment.environment()))


@pytest.fixture
def context(resources: Resources, request: pytest.FixtureRequest) -> RequestContext:
    """The caller, a user of this test's own: tests of a module share their table."""
    return RequestContext(Caller("acme", f"ann-{request.node.name}"), resources)


@pytest.fixture
def stranger(resources: Resources) -> RequestContext:
    return RequestContext(Caller("acme", "eve"), resources)


@pytest.fixture
async def web() -> AsyncIterator[httpx2.AsyncClient]:
    """A browser's view of the bucket: no credentials but those in the URL."""
    async with httpx2.AsyncClient() as client:
        yield client
