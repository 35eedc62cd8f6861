"""A provider's key that cannot be had: the fallback answers, as where the provider refuses it, and the log says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from agents import RunConfig, Runner
from moto import mock_aws

from assistant.errors import ModelCredentialsError
from assistant.models import build_model
from assistant.models.breaker import FAILURES_TO_OPEN, breaker_of
from assistant.models.transcription import transcribe
from assistant.settings import Secret, Settings
from tests.support.model_runs import helper, openai_settings, run_streamed
from tests.support.provider_server import Answer, ProviderServer, Text

pytestmark = pytest.mark.anyio

NAME = "prod/the-key"
FINE = Answer(Text("All is well."))
# What stands in the secret, None where there is no secret, and what the log says of it.
UNREADABLE = pytest.mark.parametrize(
    ("stored", "reason"),
    [(None, "ResourceNotFoundException"), (" \n", "not a key"), ("sk-Schlüssel", "not a key"), ("a\nb", "not a key")],
    ids=["no secret", "blank", "not ASCII", "two lines"],
)


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # Powertools would hand out for seconds what another test has stored.
    monkeypatch.setenv("POWERTOOLS_PARAMETERS_MAX_AGE", "0")
    with mock_aws():
        yield


def stored_key(settings: Settings, stored: str | None) -> Settings:
    """OpenAI with a key that is known by the name of its secret."""
    if stored is not None:
        boto3.client("secretsmanager").create_secret(Name=NAME, SecretString=stored)
    return replace(settings, openai_api_key=Secret(name=NAME))


def with_fallback(provider: ProviderServer, other: ProviderServer) -> Settings:
    settings = openai_settings(provider.base_url, llm_fallback="compatible", llm_base_url=other.base_url)
    return replace(settings, llm_default_model="small-model")


@UNREADABLE
async def test_the_fallback_answers_when_the_key_cannot_be_read(
    provider: ProviderServer,
    other_provider: ProviderServer,
    caplog: pytest.LogCaptureFixture,
    stored: str | None,
    reason: str,
) -> None:
    other_provider.script(FINE, FINE)
    agent = helper(build_model(stored_key(with_fallback(provider, other_provider), stored)))
    seen = await run_streamed(agent, "Hello")
    assert seen.error is None
    assert seen.text == "All is well."
    whole = await Runner.run(agent, "Hello", run_config=RunConfig(tracing_disabled=True))
    assert whole.final_output == "All is well."
    assert provider.requests == []
    logged = [record.__dict__ for record in caplog.records if record.message == "model call failed"]
    assert [(line["error_code"], line["detail"]) for line in logged] == [("model_credentials", f"key={reason}")] * 2
    assert NAME not in str(logged)


async def test_a_key_that_stays_unreadable_counts_against_its_provider(
    provider: ProviderServer, other_provider: ProviderServer
) -> None:
    """Without it each turn would wait for Secrets Manager first."""
    settings = stored_key(with_fallback(provider, other_provider), None)
    other_provider.script(*[FINE] * FAILURES_TO_OPEN)
    for _ in range(FAILURES_TO_OPEN):
        assert (await run_streamed(helper(build_model(settings)), "Hello")).error is None
    assert not breaker_of("openai").allows()


@UNREADABLE
async def test_without_a_fallback_the_error_names_the_setting_and_not_the_secret(
    provider: ProviderServer, stored: str | None, reason: str
) -> None:
    settings = stored_key(openai_settings(provider.base_url), stored)
    error = (await run_streamed(helper(build_model(settings)), "Hello")).error
    assert isinstance(error, ModelCredentialsError)
    assert "OPENAI_API_KEY_SECRET" in str(error.fix)
    assert NAME not in f"{error.message} {error.fix}"
    assert error.__suppress_context__, reason
    with pytest.raises(ModelCredentialsError):
        await transcribe(settings, "a.webm", b"abc", "audio/webm")


async def test_a_key_that_could_not_be_read_is_read_again_and_without_the_line_break_of_its_file(
    provider: ProviderServer,
) -> None:
    settings = stored_key(openai_settings(provider.base_url), None)
    agent = helper(build_model(settings))
    assert isinstance((await run_streamed(agent, "Hello")).error, ModelCredentialsError)
    stored_key(settings, "sk-from-aws\n")
    provider.script(FINE)
    assert (await run_streamed(agent, "Hello")).error is None
    assert provider.requests[0].headers["authorization"] == "Bearer sk-from-aws"
