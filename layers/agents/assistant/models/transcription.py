"""Speech to text through the provider's audio API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from assistant.errors import UnsupportedFeatureError
from assistant.models.call_log import log_failed_call
from assistant.models.clients import client_of
from assistant.models.failures import failure_of
from assistant.models.openai import openai_link
from assistant.models.time_limit import seconds_left
from assistant.settings import Settings


@dataclass(frozen=True)
class Transcript:
    """The text of a recording, and its length if the provider tells it."""

    text: str
    seconds: float | None = None


async def transcribe(settings: Settings, name: str, audio: bytes, media_type: str) -> Transcript:
    """Return the text of a recording.

    Args:
        settings: The provider and the model (`TRANSCRIPTION_MODEL`).
        name: A file name whose ending matches the media type.
        audio: The recording's bytes.
        media_type: Its media type.

    Raises:
        UnsupportedFeatureError: the provider has no audio API.
        ModelError: the provider failed, or did not answer before the deadline.
    """
    if settings.llm_provider == "demo":
        return Transcript(f"This is the demo model: it heard {len(audio)} bytes of {media_type}.")
    if settings.llm_provider != "openai":
        raise UnsupportedFeatureError("This assistant does not support dictation.")
    try:
        async with asyncio.timeout(seconds_left()):
            client = await client_of(settings, "openai")
            result = await client.audio.transcriptions.create(
                file=(name, audio, media_type), model=settings.transcription_model
            )
    except Exception as error:
        link = replace(openai_link(settings, settings.transcription_model), model_setting="TRANSCRIPTION_MODEL")
        failure = failure_of(error, link)
        if failure is None:
            raise
        log_failed_call(link, failure)
        # Keep the provider's text out of every log.
        raise failure.error from None
    usage = result.usage
    return Transcript(result.text, usage.seconds if usage is not None and usage.type == "duration" else None)
