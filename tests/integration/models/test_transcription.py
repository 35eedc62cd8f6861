"""Dictation: OpenAI's audio API, and a plain word from providers that have none."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from assistant.context import RequestContext, Resources
from assistant.errors import ModelNotFoundError, ModelTimeoutError, UnsupportedFeatureError
from assistant.identity import Caller
from assistant.models.transcription import transcribe
from assistant.operations import speech
from assistant.settings import Settings
from tests.support.aws import Aws
from tests.support.model_runs import gemini_settings, openai_settings
from tests.support.provider_server import Heard, HttpError, NoAnswer, ProviderServer

pytestmark = pytest.mark.anyio


async def test_openai_is_sent_the_recording_and_tells_its_words(provider: ProviderServer) -> None:
    provider.script(Heard("Buy milk."))
    settings = openai_settings(provider.base_url, transcription_model="gpt-transcribe-x")
    assert (await transcribe(settings, "a.webm", b"the recording", "audio/webm")).text == "Buy milk."
    (request,) = provider.requests
    assert request.path == "/v1/audio/transcriptions"
    for sent in (b"gpt-transcribe-x", b'filename="a.webm"', b"Content-Type: audio/webm", b"the recording"):
        assert sent in request.raw


async def test_a_retired_transcription_model_names_its_own_setting(provider: ProviderServer) -> None:
    provider.script(HttpError(404, "model_not_found"))
    settings = openai_settings(provider.base_url, transcription_model="whisper-1")
    with pytest.raises(ModelNotFoundError) as raised:
        await transcribe(settings, "a.webm", b"abc", "audio/webm")
    assert "whisper-1" in str(raised.value.fix)
    assert "TRANSCRIPTION_MODEL" in str(raised.value.fix)
    assert raised.value.__suppress_context__
    assert provider.requests[0].path == "/v1/audio/transcriptions"


async def test_a_recording_that_is_not_heard_in_time_is_an_error_of_ours(
    provider: ProviderServer, aws_environment: Aws
) -> None:
    """Without it the function would be cut off by its own time-out, and its client be told nothing."""
    provider.script(NoAnswer())
    settings = openai_settings(provider.base_url)
    aws = aws_environment
    resources = Resources(replace(settings, table_name=aws.table_name, bucket_name=aws.bucket_name))
    soon = asyncio.get_running_loop().time() + 0.2
    with pytest.raises(ModelTimeoutError):
        await speech.transcribe(b"abc", "audio/webm", RequestContext(Caller("acme", "ann"), resources, deadline=soon))


async def test_the_demo_model_hears_and_gemini_says_that_it_does_not(provider: ProviderServer) -> None:
    assert "3 bytes" in (await transcribe(Settings(), "a.webm", b"abc", "audio/webm")).text
    with pytest.raises(UnsupportedFeatureError, match="dictation"):
        await transcribe(gemini_settings(provider.base_url), "a.webm", b"abc", "audio/webm")
