"""Check a text that a user, a model or a person of the staff wrote, such as a title. Mark the text of the platform."""

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
# They show a text in another order than it is stored in, so that it reads as something else.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Categories of characters that nobody sees without another character: control, format, white space, accents.
_UNSEEN = {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"}
# Letters and symbols that are drawn as nothing.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Names in Persian and in languages of India need them.
_JOINERS = "\u200c\u200d"


def one_line(text: str, most: int, what: str) -> str:
    """Return a text as one line: each run of white space becomes one space.

    Args:
        text: The text.
        most: The maximum number of characters.
        what: The subject of the error message, such as "A title".

    Raises:
        InvalidRequestError: The text is too long, has nothing that can be seen, or has characters that control it.
    """
    return _checked(" ".join(text.split()), most, what)


def several_lines(text: str, most: int, what: str) -> str:
    """Return a text without white space around it. It keeps its line breaks and tabs. Arguments and errors: `one_line`.

    Each line break becomes a line feed.
    """
    return _checked(text.replace("\r\n", "\n").replace("\r", "\n").strip(), most, what, kept="\n\t")


def _checked(text: str, most: int, what: str, kept: str = "") -> str:
    refused = any(_is_refused(each) and each not in kept for each in text)
    if len(text) > most or refused or not any(_is_seen(each) for each in text):
        raise InvalidRequestError(f"{what} must have 1 to {most} visible characters and no control characters.")
    return text


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
    """Return a model's text as a line that `one_line` accepts, or an empty line. Control characters become spaces."""
    line = " ".join("".join(" " if _is_refused(character) else character for character in text).split())
    return line if any(_is_seen(each) for each in line) else ""


def _is_refused(character: str) -> bool:
    return unicodedata.category(character) in _REFUSED or character in _TURNING


def _is_seen(character: str) -> bool:
    return unicodedata.category(character) not in _UNSEEN and character not in _BLANK
