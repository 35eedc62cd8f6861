"""What a turn's tokens cost: the known models, the setting, and models whose price nobody has told."""

from __future__ import annotations

import pytest

from assistant.models.demo import DEMO_MODEL_NAME
from assistant.settings import DEFAULT_GEMINI_MODEL, DEFAULT_OPENAI_MODEL
from local.prices import PRICES, Price, cost
from local.settings import DevSettingsError, load_dev_settings


def test_the_default_models_have_a_price_and_another_one_gets_it_from_the_setting() -> None:
    prices = load_dev_settings({"MODEL_PRICES": "my-model=0.1/2, org/other:8b=1.5/3.25"}).prices
    assert {DEFAULT_OPENAI_MODEL, DEFAULT_GEMINI_MODEL, DEMO_MODEL_NAME} <= PRICES.keys()
    assert prices["org/other:8b"] == Price(1.5, 3.25)
    assert cost(prices, "my-model", 10_000, 1_000) == pytest.approx(0.003)
    assert cost(prices, DEMO_MODEL_NAME, 10_000, 1_000) == 0
    assert cost(prices, "unknown", 1, 1) is None
    assert cost(prices, None, 0, 0) is None


@pytest.mark.parametrize("wrong", ["my-model", "my-model=1", "=1/2", "my-model=cheap/2", "my-model=-1/2"])
def test_a_price_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(DevSettingsError, match="MODEL_PRICES must be"):
        load_dev_settings({"MODEL_PRICES": wrong})
