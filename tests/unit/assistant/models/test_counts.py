"""Counts of tokens: what a provider reports is a number that can be stored, or none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.models.chunks import ChunkReader
from assistant.models.counts import MAX_TOKENS_PER_CALL, count_of


@pytest.mark.parametrize(
    ("given_count", "count"),
    [
        (7, 7),
        (7.0, 7),
        (2.5, 2),
        (0, 0),
        (-1, None),
        (True, None),
        ("7", None),
        (None, None),
        ([], None),
        (10**44, None),
    ],
)
def test_a_count(given_count: Any, count: int | None) -> None:
    assert count_of(given_count) == count


@given(st.one_of(st.integers(), st.floats(), st.text(), st.none()))
def test_any_value_is_a_count_that_can_be_stored_or_none(value: Any) -> None:
    count = count_of(value)
    assert count is None or (type(count) is int and 0 <= count <= MAX_TOKENS_PER_CALL)


@pytest.mark.parametrize("bad", [None, "a", -1, 10**44, float("nan"), float("inf")])
def test_usage_with_a_bad_count_is_no_usage(bad: Any) -> None:
    (chunk,) = ChunkReader().read({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": bad}})
    assert chunk["usage"] is None
