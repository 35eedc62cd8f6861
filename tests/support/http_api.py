"""Fixtures of the HTTP API: the apps on the local AWS, with the demo model and the tests' agents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from assistant.api import create_app, create_upload_app
from assistant.context import Resources
from assistant.settings import load_settings
from tests.support.asgi import MakeClient, client
from tests.support.aws import Aws
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, running_issuer


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def resources(aws_environment: Aws, issuer: Issuer) -> Resources:
    """Guests are let in, and so are the issuer's tokens."""
    tokens = {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE, "AUTH_JWKS_URL": issuer.url}
    # Loading the SDKs counts as a turn's time, and a busy machine takes its own.
    more = {"LLM_PROVIDER": "demo", "CHAT_TURN_SECONDS": "300"}
    return Resources(load_settings(aws_environment.environment(**more, **tokens)))


@pytest.fixture
def token(issuer: Issuer, request: pytest.FixtureRequest) -> str:
    """A token of a user of this test's own: tests of a module share their table."""
    return issuer.token(sub=f"ann-{request.node.name}")


@pytest.fixture
async def open_client(resources: Resources, token: str) -> AsyncIterator[MakeClient]:
    opened: list[httpx2.AsyncClient] = []

    def make(function: str = "stream", **headers: str) -> httpx2.AsyncClient:
        if function == "upload":
            app = create_upload_app(resources)
        else:
            app = create_app(resources, streaming=function == "stream")
        opened.append(client(app, **{"Authorization": f"Bearer {token}", **headers}))
        return opened[-1]

    yield make
    for each in opened:
        await each.aclose()


@pytest.fixture
async def chat(open_client: MakeClient) -> httpx2.AsyncClient:
    return open_client("chat")


@pytest.fixture
async def stream(open_client: MakeClient) -> httpx2.AsyncClient:
    return open_client("stream")


@pytest.fixture
async def upload(open_client: MakeClient) -> httpx2.AsyncClient:
    return open_client("upload")
