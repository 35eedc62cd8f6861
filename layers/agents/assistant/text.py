"""Check a single line of text that a user or a model wrote, such as a title. Mark the text of the platform."""

from __future__ import annotations

import unicodedata

from assistant.errors import InvalidRequestError

# The marks around text that is sent with the role `user` but that the user did not write.
CONTEXT_START, CONTEXT_END = "<context>", "</context>"
# The start of a tool's output with passages of documents. Such an output is for its own turn only and is not stored: a
# document that is deleted later would otherwise stay in the thread.
PASSAGES_START = '{"passages": ['
# What a model reads in place of such an output.
PASSAGES_GONE = "[Passages of documents were here, for that turn only. Search again if you need them.]"
# Unicode categories: control characters (some programs end a text at NUL), and halves of surrogate pairs.
_REFUSED = {"Cc", "Cs"}
# Names in Persian and in languages of India need them.
_JOINERS = "\u200c\u200d"


def one_line(text: str, most: int, what: str) -> str:
    """Return a text as one line: each run of white space becomes one space.

    Args:
        text: The text.
        most: The maximum number of characters.
        what: The subject of the error message, such as "A title".

    Raises:
        InvalidRequestError: The text is empty, too long, or has control characters.
    """
    line = " ".join(text.split())
    if not line or len(line) > most or any(_is_refused(character) for character in line):
        raise InvalidRequestError(f"{what} must have 1 to {most} characters and no control characters.")
    return line


def name_line(name: str, most: int) -> str | None:
    """Return the name of a person as one line, if it looks like what it is.

    Returns:
        None if it has no letter, is too long, or has characters that nobody sees or that change the direction of the
        text.
    """
    line = " ".join(name.split())
    hidden = any(_is_refused(each) or (unicodedata.category(each) == "Cf" and each not in _JOINERS) for each in line)
    return line if len(line) <= most and not hidden and any(each.isalpha() for each in line) else None


def cleaned_line(text: str) -> str:
    """Return a model's text as a line that `one_line` accepts: control characters become spaces."""
    return " ".join("".join(" " if _is_refused(character) else character for character in text).split())


def _is_refused(character: str) -> bool:
    return unicodedata.category(character) in _REFUSED
