"""What a mark of a passage looks like, and where a text has marks.

A mark is `[§k7f2]`. A model may join marks, and may write a mark that it has read in another form: `[§ k7f2]`,
`(§k7f2)`, `§k7f2`, `\\[§k7f2\\]`, `**[§k7f2]**`. References such as `[§1004]`, `[§242 BGB]` and `a[§idx]` are no marks.
"""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Container
from dataclasses import dataclass
from hashlib import sha256

# A million marks: two passages of one turn hardly ever get the same one, and then the second gets another.
MARK_CHARACTERS = 4
MOST_JOINED = 8

# The alphabet of base32. Digits alone are the number of a paragraph.
_NAME = rf"(?![2-7]{{{MARK_CHARACTERS}}})[a-z2-7]{{{MARK_CHARACTERS}}}"
_EXACT = re.compile(rf"\[§{_NAME}(?:[,; ]+§{_NAME}){{0,{MOST_JOINED - 1}}}\]")
_INVISIBLE = "\u00a0\u200b-\u200d\u2060\ufeff"
_GAP = f"[ {_INVISIBLE}]{{0,2}}"
_ONE = rf"§{_GAP}(?i:{_NAME})(?![^\W_])"
_LIST = rf"{_ONE}(?:[,; ]{{0,3}}{_ONE}){{0,{MOST_JOINED - 1}}}"
_ANY = re.compile(
    rf"\\?\[{_GAP}{_LIST}{_GAP}\\?\]|\({_GAP}{_LIST}{_GAP}\)|(?:\\?[\[(]{_GAP})?{_LIST}",
)
_NAMES = re.compile(rf"§{_GAP}([^\W_]{{{MARK_CHARACTERS}}})")
_BETWEEN = re.compile(r"[,; ]{1,3}")
# What remains empty around a mark that is removed.
_SHELLS = frozenset({("*", "*"), ("`", "`"), ("_", "_"), ("[", "]"), ("(", ")")})
# All other characters end what may be a mark with its shell.
_OPEN_CHARACTERS = re.compile(rf"[ {_INVISIBLE},;\\\[\]()`*_§]")
_NAME_BEGUN = re.compile(rf"§{_GAP}[a-zA-Z2-7]{{1,{MARK_CHARACTERS}}}\Z")
_LONGEST_BEGUN = MARK_CHARACTERS + 3


@dataclass(frozen=True)
class FoundMark:
    """Marks that stand side by side, with what must not remain of them.

    Attributes:
        start: Where they begin in the text.
        end: Where they end.
        names: Their names.
    """

    start: int
    end: int
    names: tuple[str, ...]


def mark_name(thread_id: str, place: str, attempt: int) -> str:
    """Return the name of a passage's mark.

    Args:
        thread_id: The thread. Another thread has another name for the passage.
        place: What identifies the passage.
        attempt: Counts the names that were taken.
    """
    digest = sha256(f"{thread_id}/{place}/{attempt}".encode()).digest()
    name = b32encode(digest).decode().lower()[:MARK_CHARACTERS]
    return f"p{name[1:]}" if name.isdigit() else name


def found_marks(text: str, known: Container[str]) -> list[FoundMark]:
    """Return the marks in a text of a turn that has read passages.

    Args:
        text: The text.
        known: The names of the turn's marks. An unknown mark counts in its exact form alone: it is invented.
    """
    found: list[FoundMark] = []
    if "§" not in text:
        return found
    for match in _ANY.finditer(text):
        names = tuple(name.lower() for name in _NAMES.findall(match[0]))
        if not any(name in known for name in names) and not _EXACT.fullmatch(match[0]):
            continue
        mark = FoundMark(match.start(), match.end(), names)
        if found and (mark.start == found[-1].end or _BETWEEN.fullmatch(text, found[-1].end, mark.start)):
            before = found.pop()
            mark = FoundMark(before.start, mark.end, before.names + names)
        found.append(mark)
    return [_with_shell(mark, text) for mark in found]


def _with_shell(mark: FoundMark, text: str) -> FoundMark:
    start, end = mark.start, mark.end
    while start > 0 and end < len(text) and (text[start - 1], text[end]) in _SHELLS:
        start, end = start - 1, end + 1
    # The space before the mark goes too.
    return FoundMark(start - (start > 0 and text[start - 1] == " "), end, mark.names)


def decided(text: str) -> int:
    """Return how much of a text's beginning stays as it is, whatever follows: the rest may belong to a mark."""
    end = len(text)
    while end:
        if _OPEN_CHARACTERS.match(text, end - 1):
            end -= 1
        elif (begun := _NAME_BEGUN.search(text, max(0, end - _LONGEST_BEGUN), end)) is not None:
            end = begun.start()
        else:
            break
    return end
