"""Cut a document's text into passages, at the ends of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from assistant.knowledge.limits import OVERLAP_CHARACTERS, PASSAGE_CHARACTERS

# The end of a sentence, or a blank line. A sentence in Chinese or Japanese has no space after its end.
_END = re.compile(r"(?<=[.!?:;])\s+|(?<=[。！？])|\n\s*\n")  # noqa: RUF001 - the ends of Chinese sentences
_SPACES = re.compile(r"[^\S\n]+")


class Chunk(NamedTuple):
    """A passage's text, and its page if the document has pages."""

    text: str
    page: int | None


def chunks(pages: Sequence[str], *, numbered: bool) -> Iterator[Chunk]:
    """Yield the passages of a document. A passage does not cross a page.

    Args:
        pages: The text of each page; one text for a document without pages.
        numbered: Whether the document has pages.
    """
    for number, text in enumerate(pages, 1):
        for each in cut(text):
            yield Chunk(each, number if numbered else None)


def cut(text: str, most: int = PASSAGE_CHARACTERS, overlap: int = OVERLAP_CHARACTERS) -> Iterator[str]:
    """Yield parts of a text of at most `most` characters. Each part repeats up to `overlap` of the one before."""
    held: list[str] = []
    new = False
    for sentence in _sentences(text, most):
        if held and sum(map(len, held)) + len(held) + len(sentence) > most:
            if new:
                yield " ".join(held)
            held, new = _tail(held, overlap), False
            if sum(map(len, held)) + len(held) + len(sentence) > most:
                held = []
        held.append(sentence)
        new = True
    if held and new:
        yield " ".join(held)


def _sentences(text: str, most: int) -> Iterator[str]:
    """Yield the sentences. A longer one is cut, at a space if there is one."""
    for sentence in _END.split(_SPACES.sub(" ", text)):
        rest = " ".join(sentence.split())
        while len(rest) > most:
            at = rest.rfind(" ", 1, most)
            at = most if at <= 0 else at
            yield rest[:at].strip()
            rest = rest[at:].strip()
        if rest:
            yield rest


def _tail(sentences: list[str], overlap: int) -> list[str]:
    """Return the last sentences that fit into the overlap."""
    kept: list[str] = []
    left = overlap
    for sentence in reversed(sentences):
        left -= len(sentence) + 1
        if left < 0:
            break
        kept.insert(0, sentence)
    return kept
