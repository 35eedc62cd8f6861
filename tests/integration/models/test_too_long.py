"""A thread that is too long for the server goes on with a part of it: whole turns over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_formats import Json
from tests.support.provider_server import Answer, HttpError, ProviderServer, Reply, Text
from tests.support.refusing import (
    FINE,
    errors,
    in_words,
    notices,
    said,
    says,
)

pytestmark = pytest.mark.anyio

OpenThread = Callable[..., ChatKitClient]


TPM = "Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Requested 90000."
TOO_LONG: dict[str, HttpError] = {
    "openai": HttpError(400, "context_length_exceeded", "Your input exceeds the context window of this model."),
    "openai tokens a minute": in_words(429, TPM, type="tokens", code="rate_limit_exceeded"),
    "llama.cpp": in_words(
        400, "the request exceeds the available context size. try increasing the context size",
        code=400, type="exceed_context_size_error", n_prompt_tokens=9000, n_ctx=4096,
    ),
    "llama.cpp 500": in_words(500, "the request exceeds the available context size", type="exceed_context_size_error"),
    "vllm": in_words(400, "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens."),
    "vllm v1": in_words(400, "The decoder prompt (length 9000) is longer than the maximum model length of 4096."),
    "sglang": in_words(400, "The input (9000 tokens) is longer than the model's context length (4096 tokens)."),
    "mistral": in_words(400, "Prompt contains 9000 tokens and 0 draft tokens, too large for model with 4096 maximum"),
    "anthropic": in_words(400, "prompt is too long: 9000 tokens > 4096 maximum", type="invalid_request_error"),
    "bedrock": in_words(400, "Input is too long for requested model."),
    "gemini": HttpError(
        400, body=[{"error": {"code": 400, "status": "INVALID_ARGUMENT",
                    "message": "The input token count (9000) exceeds the maximum number of tokens allowed (4096)."}}],
    ),
    "xai": in_words(400, "This model's maximum prompt length is 4096 but the request contains 9000 tokens."),
    "moonshot": in_words(400, "Invalid request: Your request exceeded model token limit: 4096"),
    "groq": in_words(400, "Please reduce the length of the messages or completion.", code="context_length_exceeded"),
    "lm studio": HttpError(400, body={"error": "The number of tokens is greater than the context length"}),
    "ollama": in_words(400, "prompt too long; exceeded max context length by 4904 tokens"),
    "nginx": HttpError(413, body="<html>413 Request Entity Too Large</html>"),
    "unknown words": in_words(400, "prompt too big"),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_LONG)
async def test_a_thread_that_is_too_long_for_the_server_goes_on(
    open_compatible: OpenThread, provider: ProviderServer, name: str
) -> None:
    thread = open_compatible()
    provider.script(Answer(Text("word " * 4_000)))
    await thread.say("Write much")

    def policy(body: Json) -> Reply | None:
        return TOO_LONG[name] if len(said(body)) > 9_000 else None

    await says(thread, provider, policy, "And now?")
    assert errors(thread) == []
    assert len(notices(thread)) == 1
    assert "And now?" in said(provider.bodies[-1])
    assert await says(thread, provider, policy, "Just say hi") == 1, "the thread remembers"
    assert (errors(thread), notices(thread)) == ([], [])


async def test_the_oldest_turns_go_first(open_compatible: OpenThread, provider: ProviderServer) -> None:
    thread = open_compatible()
    for number in range(6):
        provider.script(Answer(Text(f"Answer {number}. " + "word " * 300)))
        await thread.say(f"Question {number}")
    refusal = TOO_LONG["vllm"]
    await says(thread, provider, lambda body: refusal if len(said(body)) > 6_000 else None, "Last one")
    sent = said(provider.bodies[-1])
    assert (errors(thread), "Answer 5" in sent, "Answer 0" in sent) == ([], True, False)


async def test_a_rate_limit_is_no_reason_to_shorten(open_compatible: OpenThread, provider: ProviderServer) -> None:
    thread = open_compatible()
    limit = in_words(
        429, "Rate limit reached on tokens per min. Too many tokens, please wait.", code="rate_limit_exceeded"
    )
    provider.script(limit, FINE)
    await thread.say("Hello")
    assert (errors(thread), notices(thread), len(provider.requests)) == ([], [], 2)
