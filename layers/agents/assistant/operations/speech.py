"""Dictation: turn audio into text with the provider's audio API."""

from __future__ import annotations

from chatkit.types import TranscriptionResult

from assistant.context import RequestContext
from assistant.errors import TooLargeError, UnsupportedTypeError
from assistant.models import deadline, transcription

# Lambda accepts requests of 6 MB, and base64 makes audio a third larger. The provider's limit is higher, 25 MB.
MAX_AUDIO_BYTES = 4_500_000
_EXTENSIONS = {"audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "mp4"}


async def transcribe(audio: bytes, mime_type: str, context: RequestContext) -> TranscriptionResult:
    """Return the text of a recording.

    Raises:
        UnsupportedFeatureError: The provider has no audio API.
        UnsupportedTypeError: The media type is not one of ChatKit's three.
        TooLargeError: The recording exceeds `MAX_AUDIO_BYTES`.
        ModelError: The provider failed, or did not answer before the request's deadline.
    """
    media_type = mime_type.split(";", 1)[0].strip().lower()
    if media_type not in _EXTENSIONS:
        raise UnsupportedTypeError("This recording's format is not supported. Use WebM, Ogg or MP4.")
    if len(audio) > MAX_AUDIO_BYTES:
        raise TooLargeError("The recording is too long. Please record a shorter one.")
    name = f"audio.{_EXTENSIONS[media_type]}"
    with deadline(context.seconds_left()):
        text = await transcription.transcribe(context.settings, name, audio, media_type)
    return TranscriptionResult(text=text)
