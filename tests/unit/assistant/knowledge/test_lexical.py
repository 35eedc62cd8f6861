"""The demo's embedding: the same on every machine, near for the same words and typing errors, and only lexical."""

from __future__ import annotations

import math
from typing import Any

import pytest

from assistant.errors import ConfigurationError
from assistant.passages.lexical import vector_of
from assistant.settings import load_settings


def near(one: str, other: str) -> float:
    a, b = vector_of(one, 256), vector_of(other, 256)
    lengths = math.hypot(*a) * math.hypot(*b)
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


def test_the_same_words_are_near_in_any_order_case_and_accent() -> None:
    assert near("The Heron wades", "wades the HERON") > 0.99
    assert near("Müller Café", "muller cafe") > 0.99


def test_a_typing_error_is_nearer_than_another_word_and_a_synonym_is_not() -> None:
    assert near("refund the invoice", "refnd the invoise") > 0.25
    assert near("refund the invoice", "herons at dawn") < 0.2
    assert near("car", "automobile") < 0.3


def test_a_text_without_words_of_its_own_has_no_direction() -> None:
    for text in ("", "?!", "what is it", "wer ist das"):
        assert not any(vector_of(text, 256))


def test_it_is_the_same_on_every_machine() -> None:
    """Stored vectors outlive a process, so Python's own hashes, which differ from run to run, are no part of it."""
    assert [round(number, 3) for number in vector_of("heron", 8)] == [
        -0.433,
        0.0,
        -2.299,
        -0.433,
        -0.433,
        0.433,
        0.433,
        0.0,
    ]


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, ("lexical", "lexical-1")),
        ({"OPENAI_API_KEY": "k"}, ("openai", "text-embedding-3-small")),
        ({"GEMINI_API_KEY": "k"}, ("gemini", "gemini-embedding-001")),
        ({"OPENAI_API_KEY": "k", "EMBEDDING_PROVIDER": "lexical"}, ("lexical", "lexical-1")),
        ({"EMBEDDING_PROVIDER": "bedrock"}, ("bedrock", "amazon.titan-embed-text-v2:0")),
        ({"EMBEDDING_PROVIDER": "compatible", "EMBEDDING_MODEL": "bge-m3"}, ("compatible", "bge-m3")),
    ],
)
def test_the_provider_is_the_models_or_the_named_one(env: dict[str, str], wanted: tuple[str, str]) -> None:
    found = load_settings({"AUTH_MODE": "guest", "KNOWLEDGE": "dynamodb", **env}).knowledge
    assert (found.provider, found.model) == wanted


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"KNOWLEDGE": "s3"}, "KNOWLEDGE"),
        ({"KNOWLEDGE": "dynamodb", "EMBEDDING_PROVIDER": "compatible"}, "EMBEDDING_MODEL"),
        ({"KNOWLEDGE": "dynamodb", "EMBEDDING_DIMENSIONS": "5000"}, "EMBEDDING_DIMENSIONS"),
        ({"EMBEDDING_PROVIDER": "word2vec"}, "EMBEDDING_PROVIDER"),
        ({"KNOWLEDGE_OWN_DOCUMENTS": "-1"}, "KNOWLEDGE_OWN_DOCUMENTS"),
    ],
)
def test_a_wrong_setting_is_named(env: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        load_settings({"AUTH_MODE": "guest", **env})
