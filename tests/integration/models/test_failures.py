"""What a failing provider does to a run: retries and the fallback unseen, and errors that say what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from agents import RunConfig, Runner

from assistant.errors import (
    AssistantError,
    LengthLimitError,
    ModelContentFilteredError,
    ModelCredentialsError,
    ModelNotFoundError,
    ModelQuotaError,
    ModelRateLimitedError,
    ModelRefusedRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RequestTooLongError,
)
from assistant.models import attempts, build_model, deadline
from assistant.models.attempts import ATTEMPTS_PER_PROVIDER
from assistant.models.breaker import FAILURES_TO_OPEN, breaker_of
from assistant.settings import Secret, Settings
from tests.support.model_runs import Run, compatible_settings, gemini_settings, helper, openai_settings, run_streamed
from tests.support.provider_server import (
    Answer,
    Cut,
    HttpError,
    NoAnswer,
    ProviderServer,
    RawStream,
    Reasoning,
    Reply,
    Stall,
    StreamError,
    Text,
)

pytestmark = pytest.mark.anyio

SettingsFor = Callable[..., Settings]
BOTH = pytest.mark.parametrize("settings_for", [openai_settings, compatible_settings], ids=["responses", "chat"])
FINE = Answer(Text("All is well."))
UNTRACED = RunConfig(tracing_disabled=True)


async def run(settings: Settings) -> Run:
    return await run_streamed(helper(build_model(settings)), "Hello")


def with_fallback(provider: ProviderServer, other: ProviderServer) -> Settings:
    """OpenAI first, then a compatible server."""
    settings = openai_settings(provider.base_url, llm_fallback="compatible", llm_base_url=other.base_url)
    return replace(settings, llm_default_model="small-model")


@BOTH
@pytest.mark.parametrize(
    "failure",
    [
        HttpError(500),
        HttpError(503),
        HttpError(529),
        HttpError(429, "rate_limit_exceeded", headers={"retry-after": "0"}),
        HttpError(408),
        Answer(Cut()),
        Answer(StreamError("server_error")),
        RawStream("data: this is not JSON\n\n"),
        RawStream(""),
    ],
    ids=["500", "503", "529", "429", "408", "cut", "error event", "not JSON", "empty"],
)
async def test_a_failure_before_the_first_delta_is_retried_and_never_seen(
    provider: ProviderServer, settings_for: SettingsFor, failure: Reply
) -> None:
    provider.script(failure, FINE)
    seen = await run(settings_for(provider.base_url))
    assert seen.error is None
    assert seen.text == "All is well."
    assert seen.events.count("response.created") == 1
    assert seen.events.count("response.output_item.added") == 1
    assert len(provider.requests) == 2


@BOTH
async def test_after_the_first_delta_the_error_passes_on_behind_every_delta_however_slow_the_consumer(
    provider: ProviderServer, settings_for: SettingsFor
) -> None:
    words = " ".join(f"word{number}" for number in range(200))
    provider.script(Answer(Text(words), Cut()), FINE)
    agent = helper(build_model(settings_for(provider.base_url)))
    seen = await run_streamed(agent, "Hello", pause=0.001)
    assert isinstance(seen.error, ModelUnavailableError)
    assert seen.text == words
    assert len(provider.requests) == 1


@BOTH
async def test_a_body_that_ends_without_saying_so_is_a_cut(provider: ProviderServer, settings_for: SettingsFor) -> None:
    provider.script(Answer(Text("Half of"), ends=False))
    seen = await run(settings_for(provider.base_url))
    assert isinstance(seen.error, ModelUnavailableError)
    assert seen.text == "Half of"


async def test_an_answer_that_fails_after_its_reasoning_is_requested_again(provider: ProviderServer) -> None:
    provider.script(Answer(Reasoning("Let me think."), Cut()), FINE)
    seen = await run(openai_settings(provider.base_url))
    assert seen.error is None
    assert len(provider.requests) == 2


@BOTH
async def test_a_provider_is_tried_a_few_times_and_not_for_ever(
    provider: ProviderServer, settings_for: SettingsFor
) -> None:
    provider.script(*[HttpError(500)] * 10)
    seen = await run(settings_for(provider.base_url))
    assert isinstance(seen.error, ModelUnavailableError)
    assert len(provider.requests) == ATTEMPTS_PER_PROVIDER


async def test_the_fallback_answers_when_the_provider_does_not(
    provider: ProviderServer, other_provider: ProviderServer
) -> None:
    provider.script(*[HttpError(500)] * ATTEMPTS_PER_PROVIDER)
    other_provider.script(FINE)
    seen = await run(with_fallback(provider, other_provider))
    assert seen.error is None
    assert seen.text == "All is well."
    assert other_provider.bodies[0]["model"] == "small-model"


@pytest.mark.parametrize("status", [401, 404])
async def test_what_no_retry_can_mend_goes_to_the_fallback_at_once(
    provider: ProviderServer, other_provider: ProviderServer, status: int
) -> None:
    provider.script(HttpError(status))
    seen = await run(with_fallback(provider, other_provider))
    assert seen.error is None
    assert len(provider.requests) == 1


async def test_a_long_retry_after_is_not_waited_for_when_there_is_a_fallback(
    provider: ProviderServer, other_provider: ProviderServer
) -> None:
    provider.script(HttpError(429, headers={"retry-after": "20"}))
    seen = await run(with_fallback(provider, other_provider))
    assert seen.error is None
    assert len(provider.requests) == 1


async def test_a_filtered_message_is_not_carried_to_the_fallback(
    provider: ProviderServer, other_provider: ProviderServer
) -> None:
    provider.script(HttpError(400, "content_policy_violation"))
    seen = await run(with_fallback(provider, other_provider))
    assert isinstance(seen.error, ModelContentFilteredError)
    assert other_provider.requests == []


async def test_when_all_fail_the_first_providers_error_is_told(
    provider: ProviderServer, other_provider: ProviderServer
) -> None:
    provider.script(HttpError(401))
    other_provider.script(*[HttpError(500)] * 10)
    seen = await run(with_fallback(provider, other_provider))
    assert isinstance(seen.error, ModelCredentialsError)
    assert "OPENAI_API_KEY" in str(seen.error.fix)


async def test_a_provider_that_keeps_failing_is_skipped(
    provider: ProviderServer, other_provider: ProviderServer
) -> None:
    settings = with_fallback(provider, other_provider)
    provider.script(*[HttpError(401)] * 20)
    for _ in range(FAILURES_TO_OPEN + 2):
        assert (await run(settings)).error is None
    assert len(provider.requests) == FAILURES_TO_OPEN
    assert len(other_provider.requests) == FAILURES_TO_OPEN + 2


async def test_a_fallback_that_was_not_asked_has_not_had_its_trial(
    provider: ProviderServer, other_provider: ProviderServer
) -> None:
    """Without it the fallback's recovery is noticed the later, the less it is needed."""
    settings = with_fallback(provider, other_provider)
    fallback = breaker_of("compatible")
    for _ in range(FAILURES_TO_OPEN):
        fallback.failed()
    fallback.open_until = 0.0  # Its pause is over.
    provider.script(FINE)
    assert (await run(settings)).error is None
    assert not other_provider.requests
    assert fallback.allows()
    provider.script(*[HttpError(401)] * 2)
    other_provider.script(FINE)
    assert (await run(settings)).error is None
    assert fallback.failures == 0


async def test_a_lone_provider_that_keeps_failing_is_asked_once_a_call(provider: ProviderServer) -> None:
    provider.script(*[HttpError(500)] * FAILURES_TO_OPEN * ATTEMPTS_PER_PROVIDER)
    for _ in range(FAILURES_TO_OPEN):
        await run(openai_settings(provider.base_url))
    before = len(provider.requests)
    provider.script(HttpError(500), FINE)
    assert isinstance((await run(openai_settings(provider.base_url))).error, ModelUnavailableError)
    assert len(provider.requests) == before + 1
    assert (await run(openai_settings(provider.base_url))).error is None


@pytest.mark.parametrize("silence", [NoAnswer(), Answer(Stall())], ids=["no answer", "only a preamble"])
async def test_a_silent_provider_leaves_time_for_the_fallback(
    provider: ProviderServer, other_provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, silence: Reply
) -> None:
    monkeypatch.setattr(attempts, "SHORTEST_ATTEMPT_SECONDS", 0.1)
    provider.script(silence)
    with deadline(2.0):
        seen = await run(with_fallback(provider, other_provider))
    assert seen.error is None
    assert len(provider.requests) == len(other_provider.requests) == 1


async def test_a_silent_provider_is_a_time_out_within_the_deadline(provider: ProviderServer) -> None:
    provider.script(NoAnswer())
    with deadline(0.4):
        seen = await asyncio.wait_for(run(openai_settings(provider.base_url)), 10)
    assert isinstance(seen.error, ModelTimeoutError)
    assert await asyncio.to_thread(provider.requests[0].abandoned.wait, 5)


async def test_no_retry_is_begun_that_the_deadline_would_end(provider: ProviderServer) -> None:
    provider.script(HttpError(429, headers={"retry-after": "30"}), FINE)
    with deadline(20):
        seen = await asyncio.wait_for(run(openai_settings(provider.base_url)), 10)
    assert isinstance(seen.error, ModelRateLimitedError)
    assert seen.error.retry_after == 30
    assert len(provider.requests) == 1


async def test_retry_after_in_milliseconds_is_waited_for(provider: ProviderServer) -> None:
    provider.script(HttpError(429, headers={"retry-after-ms": "5"}), FINE)
    assert (await run(openai_settings(provider.base_url))).error is None


async def test_a_cancelled_run_lets_go_of_the_provider(provider: ProviderServer) -> None:
    provider.script(Answer(Text("One"), Stall()))
    task = asyncio.create_task(run(openai_settings(provider.base_url)))
    await asyncio.to_thread(provider.stalled.wait, 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await asyncio.to_thread(provider.requests[0].abandoned.wait, 5)


GEMINI_BAD_KEY = [
    {
        "error": {
            "code": 400,
            "message": "API key not valid. Please pass a valid API key.",
            "status": "INVALID_ARGUMENT",
            "details": [{"reason": "API_KEY_INVALID"}],
        }
    }
]
GEMINI_UNKNOWN_MODEL = [
    {"error": {"code": 404, "message": "models/old is not found for API version v1main", "status": "NOT_FOUND"}}
]


@pytest.mark.parametrize(
    ("settings_for", "reply", "expected", "says"),
    [
        (openai_settings, HttpError(401, "invalid_api_key"), ModelCredentialsError, "OPENAI_API_KEY"),
        (gemini_settings, HttpError(400, body=GEMINI_BAD_KEY), ModelCredentialsError, "GEMINI_API_KEY"),
        (compatible_settings, HttpError(403), ModelCredentialsError, "LLM_API_KEY"),
        (openai_settings, HttpError(404, "model_not_found"), ModelNotFoundError, "OPENAI_DEFAULT_MODEL"),
        (openai_settings, HttpError(400, "model_not_found"), ModelNotFoundError, "gpt-6-luna"),
        (gemini_settings, HttpError(404, body=GEMINI_UNKNOWN_MODEL), ModelNotFoundError, "GEMINI_DEFAULT_MODEL"),
        (compatible_settings, HttpError(410), ModelNotFoundError, "LLM_DEFAULT_MODEL"),
        (
            openai_settings,
            HttpError(400, message="The model `x` has been deprecated, learn more here"),
            ModelNotFoundError,
            "OPENAI_DEFAULT_MODEL",
        ),
        (openai_settings, HttpError(429, "insufficient_quota"), ModelQuotaError, "budget"),
        (openai_settings, HttpError(400, "content_filter"), ModelContentFilteredError, "rephrase"),
        (compatible_settings, Answer(finish_reason="content_filter"), ModelContentFilteredError, "rephrase"),
        (openai_settings, Answer(finish_reason="content_filter"), ModelContentFilteredError, "rephrase"),
        (openai_settings, Answer(finish_reason="length"), LengthLimitError, "length"),
        (openai_settings, HttpError(400, "context_length_exceeded"), RequestTooLongError, "HISTORY_MAX_TOKENS"),
        (compatible_settings, HttpError(400), ModelRefusedRequestError, "does not accept"),
        (openai_settings, Answer(StreamError("insufficient_quota")), ModelQuotaError, "budget"),
        (openai_settings, Answer(StreamError("insufficient_quota", failed=True)), ModelQuotaError, "budget"),
        (compatible_settings, Answer(StreamError("insufficient_quota")), ModelQuotaError, "budget"),
    ],
)
async def test_each_kind_of_failure_has_its_own_error_and_says_what_to_do(
    provider: ProviderServer, settings_for: SettingsFor, reply: Any, expected: type[AssistantError], says: str
) -> None:
    provider.script(reply)
    seen = await run(settings_for(provider.base_url))
    assert type(seen.error) is expected
    assert isinstance(seen.error, AssistantError)
    assert says in f"{seen.error.message} {seen.error.fix}"
    assert len(provider.requests) == 1


async def test_neither_a_key_nor_the_providers_words_reach_the_user_or_the_log(
    provider: ProviderServer, caplog: pytest.LogCaptureFixture
) -> None:
    provider.script(HttpError(401, "invalid_api_key", "Incorrect API key provided: sk-123"), HttpError(400))
    for _ in range(2):
        seen = await run(openai_settings(provider.base_url))
        assert isinstance(seen.error, AssistantError)
        assert "sk-123" not in seen.error.message
        assert seen.error.__cause__ is None
        assert seen.error.__suppress_context__
    logged = " ".join(str(record.__dict__) for record in caplog.records)
    assert "model_credentials" in logged
    assert "sk-123" not in logged
    assert "secret words" not in logged


async def test_a_rotated_key_is_read_again_after_a_refusal(
    provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = iter(["sk-old", "sk-new"])
    monkeypatch.setattr(Secret, "read", lambda _: next(keys))
    settings = replace(openai_settings(provider.base_url), openai_api_key=Secret(name="the-key"))
    provider.script(HttpError(401), FINE)
    assert isinstance((await run(settings)).error, ModelCredentialsError)
    assert (await run(settings)).error is None
    assert [request.headers["authorization"] for request in provider.requests] == ["Bearer sk-old", "Bearer sk-new"]


@BOTH
async def test_a_whole_response_is_retried_and_falls_back_too(
    provider: ProviderServer, other_provider: ProviderServer, settings_for: SettingsFor
) -> None:
    provider.script(HttpError(500), FINE)
    agent = helper(build_model(settings_for(provider.base_url)))
    assert (await Runner.run(agent, "Hello", run_config=UNTRACED)).final_output == "All is well."
    provider.script(HttpError(401))
    other_provider.script(FINE)
    agent = helper(build_model(with_fallback(provider, other_provider)))
    assert (await Runner.run(agent, "Hello", run_config=UNTRACED)).final_output == "All is well."
    provider.script(HttpError(404))
    agent = helper(build_model(settings_for(provider.base_url)))
    with pytest.raises(ModelNotFoundError):
        await Runner.run(agent, "Hello", run_config=UNTRACED)


async def test_nothing_listening_is_a_provider_out_of_reach(provider: ProviderServer) -> None:
    seen = await run(compatible_settings("http://127.0.0.1:9/v1"))
    assert isinstance(seen.error, ModelUnavailableError)
