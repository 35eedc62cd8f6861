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
# Words that say nothing about a text's subject, in English and German. A collection's own frequencies would say more,
# and would change each time that a document is added.
_COMMON = frozenset(
    _WORD.findall(
        "a an and are as at be but by for from did do does had has have he her him his how i if in into is it its me "
        "my no not of on or our she so that the their them they this to was we were what when where which who whom why "
        "will with you your "
        "als am auch auf aus bei das dem den der des die du ein eine einem einen einer er es fur haben hat ich ihr im "
        "in ist mit nach nicht oder sie sind uber um und von wann war warum was welche welcher wer wie wir wo zu zum"
    )
)
# The parts of a word together weigh more than the word, so that a typing error does little. Chosen on the questions of
# `benchmarks/knowledge.py`.
PART_WEIGHT = 1.5
PART_LENGTHS = (3, 4, 5)
# The words of a long document repeat. A word takes about 1 KB here.
KNOWN_WORDS = 20_000


class LexicalEmbedder(Embedder):
    """The demo's embedding."""

    def price(self, characters: int) -> float:
        """Return 0: the embedding runs in this process."""
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
    if word in _COMMON:
        return ()
    parts = list(_parts(f"<{word}>"))
    each = PART_WEIGHT / math.sqrt(len(parts)) if parts else 0.0
    return (_signed(f"={word}", 1.0), *(_signed(part, each) for part in parts))


def _parts(word: str) -> Iterator[str]:
    for length in PART_LENGTHS:
        yield from (word[start : start + length] for start in range(len(word) - length + 1))


def _signed(feature: str, weight: float) -> tuple[int, float]:
    """Return the place of a feature, and its weight with the sign that makes collisions cancel out on average."""
    digest = crc32(feature.encode(errors="replace"))
    return digest >> 1, weight if digest & 1 else -weight
