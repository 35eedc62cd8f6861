"""What a turn's tokens cost: the known models, the setting, and models whose price nobody has told."""

from __future__ import annotations

import pytest

from assistant.errors import ConfigurationError
from assistant.models.demo import DEMO_MODEL_NAME
from assistant.prices import PRICES, Price, cost, millionths, price_of
from assistant.settings import DEFAULT_GEMINI_MODEL, DEFAULT_OPENAI_MODEL, load_settings


def test_the_default_models_have_a_price_and_another_one_gets_it_from_the_setting() -> None:
    given = "my-model=0.1/2, org/other:8b=1.5/3.25,my-ears=0.01 a minute,my-eyes=0.5 a picture"
    prices = load_settings({"AUTH_MODE": "guest", "MODEL_PRICES": given}).prices
    assert (prices["my-ears"], prices["my-eyes"]) == (Price(minute=0.01), Price(picture=0.5))
    assert {DEFAULT_OPENAI_MODEL, DEFAULT_GEMINI_MODEL, DEMO_MODEL_NAME} <= PRICES.keys()
    assert prices["org/other:8b"] == Price(1.5, 3.25)
    assert cost(prices, "my-model", 10_000, 1_000) == pytest.approx(0.003)
    assert cost(prices, DEMO_MODEL_NAME, 10_000, 1_000) == 0
    assert cost(prices, "unknown", 1, 1) is None
    assert cost(prices, None, 0, 0) is None


@pytest.mark.parametrize(
    "wrong", ["my-model", "my-model=1", "=1/2", "my-model=cheap/2", "my-model=-1/2", "my-model=1 a word"]
)
def test_a_price_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="MODEL_PRICES must be"):
        load_settings({"AUTH_MODE": "guest", "MODEL_PRICES": wrong})


def test_a_model_without_a_price_counts_at_the_highest_prices() -> None:
    assert price_of(PRICES, "unknown") == Price(10.0, 50.0, 0.25, 0.0045)
    assert price_of(PRICES, "demo") == Price()


def test_an_amount_is_rounded_up_to_a_whole_millionth() -> None:
    assert [millionths(amount) for amount in (0.0, 0.0000001, 0.000001, 1.5)] == [0, 1, 1, 1_500_000]
