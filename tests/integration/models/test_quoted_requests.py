"""Errors that quote the user, as whole turns over HTTP: the user's words are no reason of the provider's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_server import Answer, HttpError, ProviderServer, Text
from tests.support.refusing import errors, notices

pytestmark = pytest.mark.anyio

OpenThread = Callable[..., ChatKitClient]
FINE = Answer(Text("Done."))
ABOUT_SERVERS = (
    "My server says: gemma3:4b does not support tools. The system role is not supported. "
    "Unknown parameter 'stream_options'. What is the maximum context length, and what is a content_filter?"
)


def quoting(status: int, form: str) -> HttpError:
    """Return an error that quotes the message, as servers do."""
    bodies: dict[str, Any] = {
        "fastapi": {"detail": [{"msg": "Input is odd", "input": [{"type": "text", "text": ABOUT_SERVERS}]}]},
        "sentence": {"error": {"message": f"Cannot read the message: {ABOUT_SERVERS}"}},
        "start": {"error": {"message": f"Cannot read the message: {ABOUT_SERVERS[:120]}..."}},
        "text": f"Cannot read: {ABOUT_SERVERS}",
    }
    return HttpError(status, body=bodies[form])


@pytest.mark.parametrize("form", ["fastapi", "sentence", "start", "text"])
@pytest.mark.parametrize("status", [400, 422, 500])
async def test_an_error_that_quotes_the_user_teaches_nothing(
    open_compatible: OpenThread, provider: ProviderServer, status: int, form: str
) -> None:
    thread = open_compatible()
    provider.script(quoting(status, form), FINE, FINE)
    assert await thread.say(ABOUT_SERVERS) == "Done."
    assert (errors(thread), notices(thread)) == ([], [])
    await open_compatible().say("Hello")
    sent = provider.bodies[-1]
    assert sent["tools"]
    assert sent["stream_options"]
    assert sent["messages"][0]["role"] == "system"
    assert len(provider.requests) == 3
