"""Embeddings through the API of a provider: OpenAI, Gemini, and servers that are compatible with OpenAI's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from assistant.errors import AssistantError, ConfigurationError
from assistant.models.clients import client_of
from assistant.models.time_limit import seconds_left
from assistant.settings import Settings

ApiProvider = Literal["openai", "gemini", "compatible"]

# One request embeds some hundred texts. Without a turn's deadline, it may take this long.
REQUEST_SECONDS = 60.0


async def embed_texts(
    settings: Settings, provider: ApiProvider, model: str, texts: Sequence[str], dimensions: int
) -> list[list[float]]:
    """Return the vectors of texts by one request.

    Args:
        settings: The provider's key and address.
        provider: The provider.
        model: The model of embeddings.
        texts: The texts, at most as many as the provider takes at once.
        dimensions: The wanted length of a vector.

    Raises:
        ConfigurationError: the vectors have another length: the server ignores the wanted one.
        ModelError: the provider failed, or did not answer in time.
    """
    left = seconds_left()
    try:
        async with asyncio.timeout(REQUEST_SECONDS if left is None else min(left, REQUEST_SECONDS)):
            client = await client_of(settings, provider)
            answer = await client.embeddings.create(
                model=model, input=list(texts), dimensions=dimensions, encoding_format="float"
            )
    except AssistantError:
        raise
    except Exception as error:
        raise _failure(settings, provider, model, error) from None
    vectors = [each.embedding for each in sorted(answer.data, key=lambda each: each.index)]
    if len(vectors) != len(texts) or any(len(vector) != dimensions for vector in vectors):
        lengths = sorted({len(vector) for vector in vectors})
        raise ConfigurationError(
            f"{model} gives {len(vectors)} vectors of {lengths} numbers for {len(texts)} texts. EMBEDDING_DIMENSIONS is"
            f" {dimensions}: set it to a length that the model has."
        )
    return vectors


def _failure(settings: Settings, provider: ApiProvider, model: str, error: Exception) -> Exception:
    """Return the error for the caller, and log the provider's. The provider's text stays out of every other log."""
    # They load the Agents SDK, which a document that is read does not need.
    from assistant.models.call_log import log_failed_call
    from assistant.models.factory import link_of
    from assistant.models.failures import failure_of

    link = replace(link_of(settings, provider, model), model_setting="EMBEDDING_MODEL")
    failure = failure_of(error, link)
    if failure is None:
        return error
    log_failed_call(link, failure)
    return failure.error
