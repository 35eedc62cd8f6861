"""The health check answers everybody and reads no data."""

from __future__ import annotations

import pytest

from assistant.api import create_app, create_upload_app
from assistant.context import Resources
from assistant.settings import Settings
from tests.support.asgi import client

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("function", ["chat", "stream", "upload"])
async def test_health_needs_no_token_and_names_the_provider(function: str) -> None:
    resources = Resources(Settings(auth_mode="jwt", llm_provider="gemini"))
    app = (
        create_upload_app(resources) if function == "upload" else create_app(resources, streaming=function == "stream")
    )
    async with client(app) as web:
        answer = await web.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy", "provider": "gemini"})
