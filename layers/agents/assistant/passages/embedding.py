"""Embeddings: texts as vectors, by the setting `EMBEDDING_PROVIDER`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

from assistant.prices import MILLION, price_of
from assistant.settings import EmbeddingProvider, Settings

# What the providers take in one request: https://ai.google.dev/api/embeddings and OpenAI's API reference. A compatible
# server may take less, and 32 is the default of the common ones.
_AT_ONCE: dict[EmbeddingProvider, int] = {"openai": 2_048, "gemini": 100, "compatible": 32}
# English has about four characters per token, other languages have fewer. A claim must not be below the price.
CHARACTERS_PER_TOKEN = 3


class Embedder(ABC):
    """Turns texts into vectors of `EMBEDDING_DIMENSIONS` numbers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.model = settings.knowledge.model
        self.dimensions = settings.knowledge.dimensions

    def price(self, characters: int) -> float:
        """Return the dollars that texts of this length cost, as an estimate."""
        read = price_of(self._settings.prices, self.model).read
        return characters / CHARACTERS_PER_TOKEN * read / MILLION

    @abstractmethod
    async def embed(self, texts: Sequence[str], *, question: bool) -> list[list[float]]:
        """Return a vector for each text.

        Args:
            texts: The texts.
            question: Whether the texts are questions. Some models embed questions and passages in different ways.
        """


class ApiEmbedder(Embedder):
    """Embeddings of OpenAI, Gemini, or a compatible server."""

    async def embed(self, texts: Sequence[str], *, question: bool) -> list[list[float]]:
        """Ask the provider, with as few requests as it allows."""
        # It loads the provider's client.
        from assistant.models.embeddings import embed_texts

        provider = self._settings.knowledge.provider
        assert provider in ("openai", "gemini", "compatible")  # noqa: S101 - for the type checker
        size = _AT_ONCE[provider]
        requests = [
            embed_texts(self._settings, provider, self.model, texts[start : start + size], self.dimensions)
            for start in range(0, len(texts), size)
        ]
        return [vector for vectors in await asyncio.gather(*requests) for vector in vectors]


def embedder_of(settings: Settings) -> Embedder:
    """Return the embedder that the settings name."""
    match settings.knowledge.provider:
        case "lexical":
            from assistant.passages.lexical import LexicalEmbedder

            return LexicalEmbedder(settings)
        case "bedrock":
            from assistant.passages.bedrock import BedrockEmbedder

            return BedrockEmbedder(settings)
        case _:
            return ApiEmbedder(settings)
