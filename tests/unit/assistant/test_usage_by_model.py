"""The counters of a model have names that an expression takes, and are read back under the model's name."""

from __future__ import annotations

import re

import pytest

from assistant.quotas import Amount, usage_by_model
from assistant.quotas.models import model_counters


@pytest.mark.parametrize("model", ["gpt-6-luna", "ft:gpt-6:acme::a1", "models/gémini 3", "a_b", "x" * 100])
def test_the_usage_of_a_model_comes_back_under_its_name(model: str) -> None:
    counters = model_counters({model: Amount(7, 11), "other": Amount(1, 2)})
    assert all(re.fullmatch(r"[a-z][A-Za-z0-9_]{1,254}", name) for name in counters)
    assert usage_by_model({"turns": 3, **counters}) == {model: (1, 7, 11), "other": (1, 1, 2)}
