"""Dictation: audio to text through the provider's audio API."""

from __future__ import annotations

from chatkit.types import TranscriptionResult

from assistant.context import RequestContext
from assistant.errors import TooLargeError, UnsupportedTypeError
from assistant.models import deadline, transcription

# The provider's own limit on a file is 25 MB; Lambda's on a request is 6 MB, of which base64 takes a third.
MAX_AUDIO_BYTES = 4_500_000
_EXTENSIONS = {"audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "mp4"}


async def transcribe(audio: bytes, mime_type: str, context: RequestContext) -> TranscriptionResult:
    """Return the text of a recording.

    Raises:
        UnsupportedFeatureError: the provider has no audio API.
        UnsupportedTypeError: the media type is none of ChatKit's three.
        TooLargeError: the recording is over `MAX_AUDIO_BYTES`.
        ModelError: the provider failed, or did not answer before the request's deadline.
    """
    media_type = mime_type.split(";", 1)[0].strip().lower()
    if media_type not in _EXTENSIONS:
        raise UnsupportedTypeError("Dictation takes audio/webm, audio/ogg or audio/mp4.")
    if len(audio) > MAX_AUDIO_BYTES:
        raise TooLargeError("The recording is too long.")
    name = f"audio.{_EXTENSIONS[media_type]}"
    with deadline(context.seconds_left()):
        text = await transcription.transcribe(context.settings, name, audio, media_type)
    return TranscriptionResult(text=text)
