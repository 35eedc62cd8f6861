"""A deterministic embedding for the demo. It is lexical: it compares letters and words, and knows no meaning.

A text becomes signed hashes of its words and of their parts of three to five letters. So a word with a typing error or
another ending is near, and a synonym is not. It needs no key, no network and no library.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from zlib import crc32

from assistant.passages.embedding import Embedder

_WORD = re.compile(r"\w+")
# Words of this length are mostly articles, prepositions and pronouns.
SHORT_WORD = 3
SHORT_WEIGHT = 0.25
# The parts of a word together weigh about as much as the word.
PART_WEIGHT = 0.5
PART_LENGTHS = (3, 4, 5)
# The words of a long document repeat. A word takes about 1 KB here.
KNOWN_WORDS = 20_000


class LexicalEmbedder(Embedder):
    """The demo's embedding."""

    def price(self, characters: int) -> float:
        """Return nothing: it runs in this process."""
        return 0.0

    async def embed(self, texts: Sequence[str], *, question: bool) -> list[list[float]]:
        """Return the vectors; all zeros for a text without words."""
        return [vector_of(text, self.dimensions) for text in texts]


def vector_of(text: str, dimensions: int) -> list[float]:
    """Return a text's vector, which has no unit length."""
    vector = [0.0] * dimensions
    for word, count in Counter(_WORD.findall(_plain(text))).items():
        often = 1.0 + math.log(count)
        for digest, weight in _features(word):
            vector[digest % dimensions] += often * weight
    return vector


def _plain(text: str) -> str:
    """Return a text in lower case and without accents."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in split if not unicodedata.combining(each))


@lru_cache(maxsize=KNOWN_WORDS)
def _features(word: str) -> tuple[tuple[int, float], ...]:
    """Return the hashes of a word and of its parts, each with a signed weight."""
    weight = SHORT_WEIGHT if len(word) <= SHORT_WORD else 1.0
    parts = list(_parts(f"<{word}>"))
    each = weight * PART_WEIGHT / math.sqrt(len(parts)) if parts else 0.0
    return tuple(_signed(f"={word}", weight) if part is None else _signed(part, each) for part in (None, *parts))


def _parts(word: str) -> Iterator[str]:
    for length in PART_LENGTHS:
        yield from (word[start : start + length] for start in range(len(word) - length + 1))


def _signed(feature: str, weight: float) -> tuple[int, float]:
    """Return the place of a feature, and its weight with the sign that makes collisions cancel out on average."""
    digest = crc32(feature.encode(errors="replace"))
    return digest >> 1, weight if digest & 1 else -weight
