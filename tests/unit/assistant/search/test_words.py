"""Words of any script are found by their start, without regard to case, accents and width."""

from __future__ import annotations

import pytest

from assistant.search.snippets import SNIPPET_CHARACTERS, found_in, snippet
from assistant.search.words import terms_of, words_of


def finds(query: str, text: str) -> bool:
    """Tell whether a query finds a text, by the index and by the text itself, which must agree."""
    terms = terms_of(query)
    index = "".join(f" {word}" for word in sorted(words_of(text)))
    by_index = all(f" {start}" in index for term in terms for start in term.starts())
    by_text = found_in(text, terms) == set(terms)
    assert by_index or not by_text, "the index must not miss what the text has"
    return by_text


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("her", "A grey Heron stands there"),
        ("HERON grey", "A grey heron"),
        ("muller", "Frau Müller ist da"),
        ("MÜLLER", "Frau Mu\u0308ller ist da"),
        ("strasse", "Die Straße ist lang"),
        ("istanbul", "İstanbul"),
        ("lodz", "Łódź"),
        ("ελλαδα", "ΕΛΛΆΔΑ"),
        ("елка", "Ёлка стоит"),
        ("abc", "\uff21\uff22\uff23 in full width"),
        ("東京", "私は東京に住んでいます"),
        ("京", "東京"),
        ("東", "私は東京に住んでいます"),
        ("住んで", "私は東京に住んでいます"),
        ("ガラス", "ｶﾞﾗｽの花"),
        ("北京大学", "我在北京大学读书"),
        ("서울", "서울에서 만나요"),
        ("กรุงเทพ", "ฉันอยู่ที่กรุงเทพมหานคร"),
        ("हिन्दी", "मुझे हिन्दी आती है"),
        ("שלום", "שָׁלוֹם עולם"),
        ("سلام", "السَّلام سَلام"),
        ("🦩", "Look: 🦩!"),
        ("👍", "Good 👍🏽"),
        ("tokyo tower 東京", "Tokyoの東京towerで"),
        ("4711", "invoice no. 4711/b"),
        ("x" * 60, f"a {'x' * 60} b"),
    ],
)
def test_a_text_is_found(query: str, text: str) -> None:
    assert finds(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("eron", "A heron"),
        ("heron stork", "A heron"),
        ("京東", "東京"),
        ("東大", "東京と大学"),
        ("🦩", "🦢"),
        ("4712", "4711"),
    ],
)
def test_another_text_is_not_found(query: str, text: str) -> None:
    assert not finds(query, text)


def test_a_query_without_words_has_no_terms_and_a_long_one_has_few() -> None:
    assert terms_of(" !? - _ ") == []


def test_a_snippet_marks_the_words_and_keeps_their_spelling() -> None:
    text = f"{'before ' * 40}Frau Müller wohnt in 東京タワー.{' after' * 80}"
    pieces = snippet(text, terms_of("muller タワー"))
    assert [piece.text for piece in pieces if piece.match] == ["Müller", "タワー"]
    shown = "".join(piece.text for piece in pieces)
    assert "Frau Müller wohnt in 東京タワー." in shown
    assert shown.startswith("…")
    assert len(shown) <= SNIPPET_CHARACTERS + 2
    assert snippet("nothing here", terms_of("heron")) == []
