"""Fixtures: both functions' apps on the local AWS, and a client that checks everything it gets by the SDK's schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from assistant.context import Resources
from tests.support.asgi import MakeClient
from tests.support.http_api import issuer, open_client, token
from tests.support.http_api import resources as usual_resources
from tests.support.strict_client import StrictClient

__all__ = ["issuer", "open_client", "token", "usual_resources"]

NewThread = Callable[..., StrictClient]


@pytest.fixture(params=["chat", "stream"])
def function(request: pytest.FixtureRequest) -> str:
    """Each of the two complete ChatKit endpoints."""
    name: str = request.param
    return name


@pytest.fixture
def settings() -> dict[str, Any]:
    """What a test sets otherwise than usual; a test's parameter of this name replaces it."""
    return {}


@pytest.fixture
def resources(usual_resources: Resources, settings: dict[str, Any]) -> Resources:
    return Resources(replace(usual_resources.settings, **settings))


@pytest.fixture
def seen() -> set[str]:
    """What of the protocol the test's clients have seen; a test adds what it has looked for elsewhere."""
    return set()


@pytest.fixture
def new_thread(open_client: MakeClient, function: str, seen: set[str]) -> NewThread:
    """Begins a conversation on the function; `bearer` is another caller's token."""

    def begin(bearer: str | None = None) -> StrictClient:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return StrictClient(open_client(function, **headers), seen=seen)

    return begin


@pytest.fixture(autouse=True)
def claims(request: pytest.FixtureRequest, seen: set[str]) -> Iterator[None]:
    """Hold a test to what it claims to show: `docs/protocol.md` is made from these claims."""
    yield
    for marker in request.node.iter_markers("shows"):
        missing = set(marker.args) - seen
        assert not missing, f"the test claims to show {sorted(missing)}"
