"""Each failing kind reaches the fallback when nothing was shown yet, and the user sees no error."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from agents import Model, RunConfig, Runner

from assistant.errors import ModelContentFilteredError, ModelRefusedRequestError
from assistant.models import attempts, build_model, deadline
from assistant.models.link import Link
from assistant.models.openai import openai_link
from assistant.settings import Settings
from tests.support.failing_provider import EVERYWHERE, ON_CHAT, ON_RESPONSES, SILENT
from tests.support.model_runs import helper, openai_settings, run_streamed
from tests.support.provider_server import Answer, HttpError, ProviderServer, Reply, Text

pytestmark = pytest.mark.anyio

FINE = Answer(Text("All is well."))
KINDS = [
    *(("responses", kind) for kind in (EVERYWHERE | ON_RESPONSES).items()),
    *(("chat_completions", kind) for kind in (EVERYWHERE | ON_CHAT).items()),
]

# Enough for the silent kinds, which get half of it, and for the retries of the others.
TURN_SECONDS, SILENT_TURN_SECONDS = 60.0, 2.0


@pytest.fixture(autouse=True)
def _short_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "SHORTEST_ATTEMPT_SECONDS", 0.1)


def with_fallback(base_url: str, other: ProviderServer, api: str) -> Settings:
    more = {"llm_fallback": "compatible", "llm_base_url": other.base_url, "llm_default_model": "m", "openai_api": api}
    return openai_settings(base_url, **more)


@pytest.mark.parametrize(("api", "kind"), KINDS, ids=[f"{api}: {name}" for api, (name, _) in KINDS])
async def test_each_failing_kind_reaches_the_fallback(
    provider: ProviderServer, other_provider: ProviderServer, api: str, kind: tuple[str, Reply]
) -> None:
    name, failure = kind
    provider.script(*[failure] * attempts.ATTEMPTS_PER_PROVIDER)
    other_provider.script(FINE)
    with deadline(SILENT_TURN_SECONDS if name in SILENT else TURN_SECONDS):
        run = await run_streamed(helper(build_model(with_fallback(provider.base_url, other_provider, api))), "Hello")
    assert run.error is None
    assert (run.text, len(other_provider.requests)) == ("All is well.", 1)


@pytest.mark.parametrize("api", ["responses", "chat_completions"])
@pytest.mark.parametrize("name", ["status 400", "status 503", "error page", "JSON that is cut", "empty answer"])
async def test_a_whole_answer_falls_back_too(
    provider: ProviderServer, other_provider: ProviderServer, api: str, name: str
) -> None:
    provider.script(*[EVERYWHERE[name]] * attempts.ATTEMPTS_PER_PROVIDER)
    other_provider.script(FINE)
    agent = helper(build_model(with_fallback(provider.base_url, other_provider, api)))
    result = await Runner.run(agent, "Hello", run_config=RunConfig(tracing_disabled=True))
    assert result.final_output == "All is well."


@pytest.mark.parametrize("api", ["responses", "chat_completions"])
async def test_a_refused_connection_reaches_the_fallback(other_provider: ProviderServer, api: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    other_provider.script(FINE)
    settings = with_fallback(f"http://127.0.0.1:{port}/v1", other_provider, api)
    run = await run_streamed(helper(build_model(settings)), "Hello")
    assert (run.error, run.text) == (None, "All is well.")


async def test_a_bug_in_a_link_reaches_the_fallback_and_stays_in_the_log(
    other_provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken_link(settings: Settings, model_name: str | None = None) -> Link:
        async def model() -> Model:
            raise KeyError("AWS_REGION")

        return replace(openai_link(settings, model_name), model=model)

    monkeypatch.setattr("assistant.models.openai.openai_link", broken_link)
    other_provider.script(FINE)
    settings = with_fallback("http://127.0.0.1:9/v1", other_provider, "responses")
    run = await run_streamed(helper(build_model(settings)), "Hello")
    assert (run.error, run.text) == (None, "All is well.")
    assert ": KeyError\n" in caplog.text
    run = await run_streamed(helper(build_model(replace(settings, llm_fallback=None))), "Hello")
    assert isinstance(run.error, KeyError)


async def test_a_filtered_message_does_not_reach_the_fallback(
    provider: ProviderServer, other_provider: ProviderServer
) -> None:
    provider.script(HttpError(400, "content_filter"))
    settings = with_fallback(provider.base_url, other_provider, "responses")
    run = await run_streamed(helper(build_model(settings)), "Hello")
    assert isinstance(run.error, ModelContentFilteredError)
    assert other_provider.requests == []


async def test_a_request_that_both_refuse_is_the_first_providers_refusal(
    provider: ProviderServer, other_provider: ProviderServer
) -> None:
    provider.script(HttpError(400))
    other_provider.script(*[HttpError(500)] * attempts.ATTEMPTS_PER_PROVIDER)
    settings = with_fallback(provider.base_url, other_provider, "responses")
    run = await run_streamed(helper(build_model(settings)), "Hello")
    assert isinstance(run.error, ModelRefusedRequestError)
