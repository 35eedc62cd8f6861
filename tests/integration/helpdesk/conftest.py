"""Fixtures: the apps on the local AWS, and a thread in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.asgi import MakeClient
from tests.support.aws import Aws
from tests.support.chatkit_client import ChatKitClient
from tests.support.http_api import issuer, open_client, resources, token

__all__ = ["issuer", "open_client", "resources", "token"]

NewThread = Callable[..., ChatKitClient]


@pytest.fixture(scope="module")
def table_and_bucket(table_and_bucket: Aws) -> Aws:
    return replace(table_and_bucket, agent_factory="helpdesk:build_agent")


@pytest.fixture
def new_thread(open_client: MakeClient) -> NewThread:
    """Begins a conversation on a function; `bearer` is another caller's token."""

    def begin(function: str = "stream", bearer: str | None = None) -> ChatKitClient:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return ChatKitClient(open_client(function, **headers))

    return begin
