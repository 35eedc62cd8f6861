"""What a content filter refuses does not stay in the way: whole turns over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_server import Answer, HttpError, ProviderServer, Reasoning, Reply, Text, ToolCall
from tests.support.refusing import (
    NO_PICTURE,
    RESPONSES,
    answers,
    errors,
    failed,
    if_picture,
    if_said,
    in_words,
    notices,
    picture,
    said,
    says,
)

pytestmark = pytest.mark.anyio

OpenThread = Callable[..., ChatKitClient]


AZURE = {
    "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "code": "content_filter",
    "status": 400,
    "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}},
}
FILTERS: dict[str, tuple[dict[str, str], Reply]] = {
    "azure": ({}, HttpError(400, body={"error": AZURE})),
    "policy": ({}, HttpError(400, "content_policy_violation")),
    "litellm": ({}, in_words(400, "litellm.ContentPolicyViolationError: AzureException", code="400")),
    "gemini": ({}, HttpError(400, body=[{"error": {"code": 400, "message": "The prompt was blocked due to safety."}}])),
    "deepseek": ({}, in_words(400, "Content Exists Risk", type="invalid_request_error")),
    "alibaba": ({}, HttpError(400, "data_inspection_failed")),
    "openrouter": ({}, in_words(403, "Input flagged", code=403, metadata={"flagged_input": "x", "reasons": ["hate"]})),
    "stream": ({}, Answer(finish_reason="content_filter")),
    "responses": (RESPONSES, failed("invalid_prompt")),
    "responses incomplete": (RESPONSES, Answer(finish_reason="content_filter")),
}
# Reasoning is shown, and then the filter ends the stream.
FILTERS["after reasoning"] = ({}, Answer(Reasoning("Hm, a bird."), finish_reason="content_filter"))
FILTERED = pytest.mark.parametrize("name", FILTERS)


@FILTERED
async def test_a_message_that_a_filter_refuses_is_left_out_from_then_on(
    open_compatible: OpenThread, provider: ProviderServer, name: str
) -> None:
    names, refusal = FILTERS[name]
    thread, policy = open_compatible(**names), if_said("heron", refusal)
    await says(thread, provider, policy, "Hello")
    await says(thread, provider, policy, "Tell me of the heron")
    (error,) = errors(thread)
    assert "refused this message" in error
    assert await says(thread, provider, policy, "Just say hi") == 1
    assert (errors(thread), notices(thread)) == ([], [])
    assert "Hello" in said(provider.bodies[-1]), "what came before stays"


@FILTERED
async def test_an_answer_that_a_filter_refuses_later_is_left_out(
    open_compatible: OpenThread, provider: ProviderServer, name: str
) -> None:
    names, refusal = FILTERS[name]
    thread, policy = open_compatible(**names), if_said("heron", refusal)
    provider.script(Answer(Text("It is a heron.")))
    await thread.say("What is it?")
    assert await says(thread, provider, policy, "And then?") == 2
    assert errors(thread) == []
    assert notices(thread) == [
        "The model did not accept the earlier part of this conversation. The answer was written without it."
    ]
    assert await says(thread, provider, policy, "And now?") == 1, "the thread remembers"
    assert "And then?" in said(provider.bodies[-1])
    assert (errors(thread), notices(thread)) == ([], [])


async def test_a_filtered_message_without_an_answer_does_not_stick_to_the_next(
    open_compatible: OpenThread, provider: ProviderServer
) -> None:
    thread, policy = open_compatible(), if_said("heron", FILTERS["azure"][1])
    await says(thread, provider, lambda body: HttpError(401), "Tell me of the heron")
    await says(thread, provider, policy, "Just say hi")
    assert errors(thread) == []
    assert await says(thread, provider, policy, "And now?") == 1


async def test_a_tools_result_that_a_filter_refuses_ends_with_its_turn(
    open_compatible: OpenThread, provider: ProviderServer
) -> None:
    thread, policy = open_compatible(), if_said("found heron", FILTERS["azure"][1])
    provider.script(Answer(ToolCall("look_up", {"what": "heron"})), *[answers(policy)] * 4)
    await thread.say("Look it up")
    assert len(errors(thread)) == 1
    assert await says(thread, provider, policy, "Just say hi") == 1
    assert errors(thread) == []


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
async def test_a_picture_that_a_filter_refuses_is_left_out(
    open_compatible: OpenThread, provider: ProviderServer, code: str
) -> None:
    thread, policy = open_compatible(), if_picture(HttpError(400, code))
    await says(thread, provider, policy, "Hello")
    assert await says(thread, provider, policy, "What is this?", attachments=await picture(thread)) == 2
    assert (errors(thread), notices(thread)) == ([], [NO_PICTURE])
    assert await says(thread, provider, policy, "Just say hi") == 1


async def test_what_a_filter_refuses_reaches_no_other_provider(
    open_compatible: OpenThread, provider: ProviderServer, other_provider: ProviderServer
) -> None:
    thread = open_compatible(**RESPONSES, LLM_FALLBACK="compatible", LLM_BASE_URL=other_provider.base_url)
    await says(thread, provider, lambda body: None, "Hello")
    provider.reset()
    provider.script(HttpError(400, "content_filter"), *[HttpError(503)] * 4)
    await thread.say("Tell me of the heron")
    assert (len(errors(thread)), other_provider.requests) == (1, [])
