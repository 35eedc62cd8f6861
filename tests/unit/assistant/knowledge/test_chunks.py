"""Passages: short enough, whole sentences, nothing lost, and no page mixed with another."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from assistant.knowledge.chunks import chunks, cut
from assistant.knowledge.limits import OVERLAP_CHARACTERS, PASSAGE_CHARACTERS


def test_sentences_stay_whole_and_the_last_ones_repeat() -> None:
    text = " ".join(f"Sentence number {number} is here." for number in range(100))
    parts = list(cut(text))
    assert len(parts) > 2
    assert all(len(part) <= PASSAGE_CHARACTERS and part.endswith(".") for part in parts)
    for before, after in itertools.pairwise(parts):
        first = after.split(". ")[0]
        assert first in before
        assert before.index(first) >= len(before) - OVERLAP_CHARACTERS - 1


def test_a_text_without_ends_is_cut_at_spaces_and_a_word_without_spaces_anywhere() -> None:
    assert all(len(part) <= 50 and not part.startswith(" ") for part in cut("word " * 100, 50, 10))
    assert [len(part) for part in cut("x" * 120, 50, 10)] == [50, 50, 20]


def test_a_passage_knows_its_page_and_crosses_none() -> None:
    found = list(chunks(["The first page.", "", "The third page."], numbered=True))
    assert [(each.text, each.page) for each in found] == [("The first page.", 1), ("The third page.", 3)]
    assert [each.page for each in chunks(["Text."], numbered=False)] == [None]


@given(st.text(alphabet="ab .!?\n。", max_size=400))
def test_no_word_is_lost(text: str) -> None:
    kept = "".join(cut(text, 40, 10))
    for word in set(re.findall(r"[ab]+", text)):
        assert word[:40] in kept
    assert all(len(part) <= 40 for part in cut(text, 40, 10))
