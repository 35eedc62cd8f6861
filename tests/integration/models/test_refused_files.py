"""A file that the server refuses, in whatever words, leaves the thread alive: whole turns over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_server import Answer, HttpError, ProviderServer, Reply, Reset, StreamError
from tests.support.refusing import (
    FINE,
    NO_PICTURE,
    RESPONSES,
    errors,
    failed,
    has_picture,
    if_picture,
    in_words,
    notices,
    picture,
    says,
)

pytestmark = pytest.mark.anyio

OpenThread = Callable[..., ChatKitClient]


LLAMA_CPP = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
OLLAMA = "Failed to create new sequence: failed to process inputs: this model is missing data required for image input"
PARTS = 'Failed to parse messages: Unsupported content part type: "image_url"; messages = ['
REFUSED_PICTURES: dict[str, tuple[dict[str, str], Reply]] = {
    "llama.cpp": ({}, in_words(500, LLAMA_CPP, code=500, type="server_error")),
    "llama.cpp parts": ({}, in_words(500, PARTS)),
    "ollama": ({}, in_words(500, OLLAMA, type="api_error", code=None)),
    "openrouter": ({}, in_words(404, "No endpoints found that support image input", code=404)),
    "not found": ({}, in_words(404, "The model small-model: vision is not supported")),
    "media type": ({}, HttpError(415, body={"detail": "Unsupported"})),
    "unavailable": ({}, in_words(503, "cannot decode image")),
    "not implemented": ({}, in_words(501, "multimodal input is not implemented")),
    "forbidden": ({}, in_words(403, "This model may not read images")),
    "in the stream": ({}, Answer(StreamError("500", "Failed to load image"))),
    "an event": (RESPONSES, Answer(StreamError("image_too_small"))),
    **{code: (RESPONSES, failed(code)) for code in (
        "invalid_image", "invalid_image_format", "invalid_base64_image", "image_too_large", "image_parse_error",
        "unsupported_image_media_type", "image_content_policy_violation", "invalid_image_mode", "empty_image_file",
    )},
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_PICTURES)
async def test_a_picture_that_the_server_refuses_is_left_out(
    open_compatible: OpenThread, provider: ProviderServer, name: str
) -> None:
    names, refusal = REFUSED_PICTURES[name]
    thread, policy = open_compatible(**names), if_picture(refusal)
    assert await says(thread, provider, policy, "What is this?", attachments=await picture(thread)) == 2
    assert (errors(thread), notices(thread)) == ([], [NO_PICTURE])
    assert await says(thread, provider, policy, "Just say hi") == 1, "the thread remembers"
    assert (errors(thread), notices(thread)) == ([], [])


FAILURES: dict[str, tuple[Reply, int]] = {
    "a closed connection": (Reset(), 4),
    "an outage": (HttpError(503, body={"error": {"message": "overloaded"}}), 4),
    "a firewall": (HttpError(403, body="<html>Blocked</html>"), 2),
    "an empty answer": (Answer(), 3),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_that_a_picture_may_have_caused_costs_the_thread_no_picture(
    open_compatible: OpenThread, provider: ProviderServer, name: str
) -> None:
    refusal, requests = FAILURES[name]
    thread, policy = open_compatible(), if_picture(refusal)
    assert await says(thread, provider, policy, "What is this?", attachments=await picture(thread)) == requests
    assert (errors(thread), notices(thread)) == ([], [NO_PICTURE])
    await says(thread, provider, policy, "Just say hi")
    assert errors(thread) == []
    await says(thread, provider, lambda body: None, "And now?")
    assert has_picture(provider.bodies[0]), "the server may take it again"


@pytest.mark.parametrize("refusal", [HttpError(401), HttpError(402), in_words(404, "", code="model_not_found")])
async def test_a_failure_with_another_cause_is_not_tried_without_the_picture(
    open_compatible: OpenThread, provider: ProviderServer, refusal: Reply
) -> None:
    thread = open_compatible()
    assert await says(thread, provider, lambda body: refusal, "What?", attachments=await picture(thread)) == 1
    assert (len(errors(thread)), notices(thread)) == (1, [])


async def test_a_refusal_that_costs_nothing_is_not_told(open_compatible: OpenThread, provider: ProviderServer) -> None:
    thread = open_compatible()
    provider.script(HttpError(400), FINE)
    await thread.say("Hello")
    assert (errors(thread), notices(thread)) == ([], [])
    await says(thread, provider, lambda body: None, "What is this?", attachments=await picture(thread))
    assert has_picture(provider.bodies[-1]), "a picture is not lost to an earlier refusal"
