"""Half a surrogate pair becomes U+FFFD, wherever it stands in a call's arguments; all else stays as it is."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.models.surrogates import clean_arguments, without_lone_surrogates

# Halves of both kinds beside what else matters to an escape.
UNITS = st.text(st.sampled_from('ab\\"u0\n\x00é') | st.characters(categories=["Cs"]) | st.just("\U0001f600"))
LONE = re.compile("[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]")


def joined(text: str) -> str:
    """Return a text whose pairs are one character each, and whose halves are replaced."""
    return LONE.sub("\ufffd", text).encode("utf-16", "surrogatepass").decode("utf-16")


@given(UNITS)
def test_a_text_keeps_all_but_its_halves(text: str) -> None:
    assert without_lone_surrogates(text) == joined(text)


@given(text=UNITS, escaped=st.booleans())
def test_arguments_mean_what_they_meant_but_for_halves(text: str, escaped: bool) -> None:
    arguments = json.dumps({"text": text}, ensure_ascii=escaped)
    assert json.loads(clean_arguments(arguments)) == {"text": joined(text)}


@pytest.mark.parametrize(
    "arguments",
    [
        '{"path": "C:\\\\ud83d"}',
        '{"emoji": "\\ud83d\\ude00"}',
        '{"emoji": "\\uD83D\\uDE00", "tab": "\\u0009"}',
        '{"private use": "\\ue000"}',
        '{"broken": "\\u',
        "not JSON \\",
    ],
)
def test_what_is_no_half_stays_letter_for_letter(arguments: str) -> None:
    assert clean_arguments(arguments) == arguments
