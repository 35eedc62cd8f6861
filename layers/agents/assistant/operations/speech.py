"""Dictation: turn audio into text with the provider's audio API."""

from __future__ import annotations

from chatkit.types import TranscriptionResult

from assistant import quotas
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError, TooLargeError, UnsupportedTypeError
from assistant.models import deadline, transcription
from assistant.prices import price_of
from assistant.settings import Settings

# Lambda accepts requests of 6 MB, and base64 makes audio a third larger. The provider's limit is higher, 25 MB.
MAX_AUDIO_BYTES = 4_500_000
# Speech in Opus has 24 kbit/s or more. Fewer bytes a minute make the estimate higher than the price.
BYTES_A_MINUTE = 24_000 / 8 * 60
_EXTENSIONS = {"audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "mp4"}


async def transcribe(audio: bytes, mime_type: str, context: RequestContext) -> TranscriptionResult:
    """Return the text of a recording.

    Raises:
        UnsupportedFeatureError: The provider has no audio API.
        InvalidRequestError: The recording is empty.
        UnsupportedTypeError: The media type is not one of ChatKit's three.
        TooLargeError: The recording exceeds `MAX_AUDIO_BYTES`.
        QuotaExceededError: A limit of the user is reached.
        ModelError: The provider failed, or did not answer before the request's deadline.
    """
    media_type = mime_type.split(";", 1)[0].strip().lower()
    if media_type not in _EXTENSIONS:
        raise UnsupportedTypeError("This recording's format is not supported. Use WebM, Ogg or MP4.")
    if not audio:
        raise InvalidRequestError("The recording is empty.")
    if len(audio) > MAX_AUDIO_BYTES:
        raise TooLargeError("The recording is too long. Please record a shorter one.")
    name = f"audio.{_EXTENSIONS[media_type]}"
    price = _price(context.settings)
    claimed = await quotas.claim("transcription", context, price * len(audio) / BYTES_A_MINUTE)
    with deadline(context.seconds_left()):
        result = await transcription.transcribe(context.settings, name, audio, media_type)
    if result.seconds is not None:
        await quotas.settle(claimed, context, dollars=price * result.seconds / 60)
    return TranscriptionResult(text=result.text)


def _price(settings: Settings) -> float:
    """Return the price of a minute. The demo model is free."""
    if settings.llm_provider == "demo":
        return 0.0
    return price_of(settings.prices, settings.transcription_model).minute
