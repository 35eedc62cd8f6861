"""Texts that people and models write: what is refused, and what stays as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assistant.errors import InvalidRequestError
from assistant.text import cleaned_line, one_line, several_lines

# NUL, a bell, half of a surrogate pair, and characters that turn a text round.
CONTROLS = ["\x00", "\x07", "\ud800", "\u202e", "\u202d", "\u2067"]
# A zero-width space, joiners, a soft hyphen, an accent alone, and letters that are drawn as nothing.
UNSEEN = ["", "  \n", "\u200b", "\u200d\u200c", "\ufeff \u00ad", "\u0301", "\u3164", "\u2800"]
SEEN = [
    "Grüße",
    "e\u0301te\u0301",
    "👩\u200d👩\u200d👧",
    "🏴\U000e0067\U000e0062\U000e007f",
    "क्\u200dष",
    "שלום\u200f!",
    "…",
]


@pytest.mark.parametrize("check", [one_line, several_lines])
@pytest.mark.parametrize("text", [*UNSEEN, *(f"Prefers {each}tea" for each in CONTROLS), "x" * 41])
def test_a_text_that_nobody_sees_or_that_hides_something_is_refused(
    check: Callable[[str, int, str], str], text: str
) -> None:
    with pytest.raises(InvalidRequestError, match="1 to 40 visible characters"):
        check(text, 40, "A text")


@pytest.mark.parametrize("text", SEEN)
def test_a_text_in_any_script_stays_as_it_is(text: str) -> None:
    assert one_line(f" {text} ", 40, "A text") == several_lines(f" {text}\n", 40, "A text") == text


def test_white_space_becomes_one_space_in_a_line_and_stays_in_several_lines() -> None:
    text = "Hello\tyou\r\n\r\n  two\rthree "
    assert one_line(text, 40, "A text") == "Hello you two three"
    assert several_lines(text, 40, "A text") == "Hello\tyou\n\n  two\nthree"


@pytest.mark.parametrize("text", [*UNSEEN, *CONTROLS, *SEEN, "A \u202ereversed\x00 title"])
def test_a_cleaned_line_is_accepted_or_empty(text: str) -> None:
    line = cleaned_line(text)
    assert not line or one_line(line, 40, "A title") == line
