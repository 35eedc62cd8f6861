"""`answer_size` counts bytes as Lambda does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.aws.sizes import MAX_ANSWER_BYTES, answer_size, fits

LAMBDA_ANSWER_BYTES = 6_291_556
HEADERS_BYTES = 16_384


@given(st.recursive(st.text(), lambda values: st.lists(values, max_size=3)), st.integers(-3, 3))
def test_a_body_fits_exactly_when_it_does_inside_lambda_s_answer(value: object, off: int) -> None:
    for body in (json.dumps(value), json.dumps(value, ensure_ascii=False), f"data: {json.dumps(value)}\n\n"):
        size = len(json.dumps(body, ensure_ascii=False).encode())
        assert fits(body.encode(), size + off) is (off >= 0)
        assert answer_size(body) == size


@pytest.mark.parametrize("letter", ["a", '"', "\\", "\n", "ü", "😀"])
def test_the_largest_body_leaves_lambda_room_for_headers(letter: str) -> None:
    quotes = 2
    count = (MAX_ANSWER_BYTES - quotes) // (answer_size(letter) - quotes)
    body = letter * count
    assert fits(body.encode(), MAX_ANSWER_BYTES)
    answer = {"statusCode": 200, "headers": {"x": "y" * HEADERS_BYTES}, "body": body, "isBase64Encoded": False}
    assert len(json.dumps(answer, ensure_ascii=False).encode()) < LAMBDA_ANSWER_BYTES
