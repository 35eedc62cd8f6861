"""The piece of a message that shows why it was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from assistant.search.words import Term, folded, located

# About two lines of a list.
SNIPPET_CHARACTERS = 160
# What stands before the first word, so that its sentence can be recognised.
BEFORE_CHARACTERS = 40


class Piece(NamedTuple):
    """A part of a snippet, and whether it matches the query."""

    text: str
    match: bool


def found_in(text: str, terms: Sequence[Term]) -> set[Term]:
    """Return the terms that a text has."""
    left, found = set(terms), set()
    for _, _, word in located(text):
        here = {term for term in left if term.is_in(word)}
        found |= here
        left -= here
        if not left:
            break
    return found


def snippet(text: str, terms: Sequence[Term]) -> list[Piece]:
    """Return a piece of a text around the first word that matches the query; empty if no word does."""
    marks = [
        mark
        for start, end, word in located(text)
        for term in terms
        if term.is_in(word)
        for mark in [_mark(text, start, end, term)]
    ]
    if not marks:
        return []
    begin = max(0, marks[0][0] - BEFORE_CHARACTERS)
    if begin:
        # Begin with a whole word, if there is one.
        space = text.find(" ", begin, marks[0][0])
        begin = space + 1 if space >= 0 else begin
    end = min(len(text), begin + SNIPPET_CHARACTERS)
    pieces = [Piece("…", match=False)] if begin else []
    at = begin
    for start, stop in sorted(set(marks)):
        if start < at or start >= end:
            continue
        pieces += [Piece(_line(text[at:start]), match=False), Piece(text[start : min(stop, end)], match=True)]
        at = min(stop, end)
    pieces.append(Piece(_line(text[at:end]) + ("…" if end < len(text) else ""), match=False))
    return [piece for piece in pieces if piece.text]


def _mark(text: str, start: int, end: int, term: Term) -> tuple[int, int]:
    """Return the place of a term in a word of the text: a word is marked whole, a run only where it has the term."""
    if not term.unspaced:
        return start, end
    # Folding keeps the number of characters in almost all runs. If not, the whole run is marked.
    run = folded(text[start:end])
    at = run.find(term.text)
    return (start, end) if len(run) != end - start or at < 0 else (start + at, start + at + len(term.text))


def _line(text: str) -> str:
    return " ".join(f"|{text}|".split())[1:-1]
