"""Split texts into words for the search: in any script, without regard to case, accents and width.

A script without spaces gives pairs of neighbouring characters. An emoji is a word. The index and a query use the same
rules, so both find the same words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

# Longer words are addresses and encoded data, which users do not type. Their start still finds them.
MAX_WORD_CHARACTERS = 40
# More words than a user remembers of a conversation.
MAX_TERMS = 8

# Han, kana, Thai, Lao, Burmese and Khmer: words have no spaces between them.
_UNSPACED = (
    "\u3040-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\U00020000-\U0003ffff"
)
# Combining marks and joiners inside of a word. Python's `\w` leaves them out.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0900-\u0903\u093a-\u0963\u0980-\u0dff\u0f71-\u0f84"
    "\u1ab0-\u1aff\u200c\u200d\u3099\u309a"
)
# Symbols and pictographs, without the tones of skin, which only modify others.
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
_PIECE = re.compile(
    rf"(?P<run>[{_UNSPACED}{_MARKS}]*[{_UNSPACED}][{_UNSPACED}{_MARKS}]*)"
    rf"|(?P<word>(?:[^\W_{_UNSPACED}{_EMOJI}]|[{_MARKS}])+)|(?P<emoji>[{_EMOJI}])"
)
_ASCII_WORD = re.compile(r"[a-z0-9]+")
# Accents of Latin, Greek and Cyrillic; points of Hebrew and Arabic, which most people do not type; joiners.
_DROPPED = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u200c\u200d]")
# Letters whose stroke Unicode does not treat as an accent.
_LETTERS = str.maketrans({"\u0131": "i", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "æ": "ae", "œ": "oe"})


def folded(text: str) -> str:
    """Return a text without differences of case, accents and width."""
    lower = unicodedata.normalize("NFKC", text).casefold()
    if lower.isascii():
        return lower
    plain = _DROPPED.sub("", unicodedata.normalize("NFD", lower))
    return unicodedata.normalize("NFC", plain).translate(_LETTERS)


@dataclass(frozen=True)
class Term:
    """A part of a query.

    Attributes:
        text: The folded word, or a run of characters without spaces.
        unspaced: Whether it is such a run.
    """

    text: str
    unspaced: bool = False

    def starts(self) -> list[str]:
        """Return the starts of words that a thread's words must have."""
        if not self.unspaced or len(self.text) == 1:
            return [self.text]
        return [self.text[at : at + 2] for at in range(len(self.text) - 1)]

    def is_in(self, other: Term) -> bool:
        """Tell whether a word of a text has this term: it starts with it, or a run contains it."""
        if self.unspaced:
            return other.unspaced and self.text in other.text
        return not other.unspaced and other.text.startswith(self.text)


def located(text: str) -> Iterator[tuple[int, int, Term]]:
    """Yield the words of a text with their places in it."""
    for found in _PIECE.finditer(text):
        plain = folded(found[0])
        # Folding can split a word, such as a fraction into two numbers.
        for part in _PIECE.finditer(plain):
            unspaced = part["run"] is not None
            yield found.start(), found.end(), Term(part[0] if unspaced else part[0][:MAX_WORD_CHARACTERS], unspaced)


def words_of(text: str) -> set[str]:
    """Return the distinct words of a text, as an index holds them."""
    if text.isascii():
        return {word[:MAX_WORD_CHARACTERS] for word in _ASCII_WORD.findall(text.lower())}
    words: set[str] = set()
    for _, _, term in located(text):
        words.update(term.starts())
        if term.unspaced:
            # The last character starts no pair.
            words.add(term.text[-1])
    return words


def terms_of(query: str) -> list[Term]:
    """Return the distinct terms of a query."""
    return list(dict.fromkeys(term for _, _, term in located(query)))
