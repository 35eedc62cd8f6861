"""A line of text from outside, such as a title."""

from __future__ import annotations

import unicodedata

from assistant.errors import InvalidRequestError

# Control characters, of which NUL ends a text in many programs, and halves of a surrogate pair, which are no text.
_REFUSED = {"Cc", "Cs"}


def one_line(text: str, most: int, what: str) -> str:
    """Return a text as one line, with a space for each run of white space.

    Args:
        text: The text.
        most: How many characters it may have.
        what: What it is, as the refusal names it: "A title".

    Raises:
        InvalidRequestError: it is empty or too long, or has control characters.
    """
    line = " ".join(text.split())
    if not line or len(line) > most or any(_is_refused(character) for character in line):
        raise InvalidRequestError(f"{what} has from 1 to {most} characters, and no control characters.")
    return line


def cleaned_line(text: str) -> str:
    """Return a text that nobody can be asked to correct, such as a model's, as a line that `one_line` takes."""
    return " ".join("".join(" " if _is_refused(character) else character for character in text).split())


def _is_refused(character: str) -> bool:
    return unicodedata.category(character) in _REFUSED
