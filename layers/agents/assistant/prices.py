"""The prices of models: the only table. The quota of money and the developer's panel read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from assistant.errors import ConfigurationError

MILLION = 1_000_000


class Price(NamedTuple):
    """US dollars at the list price, without discounts for cached tokens and without surcharges for long contexts.

    Attributes:
        read: A million input tokens.
        written: A million output tokens.
        picture: One generated picture.
        minute: One minute of a recording.
    """

    read: float = 0.0
    written: float = 0.0
    picture: float = 0.0
    minute: float = 0.0


# https://developers.openai.com/api/docs/pricing and https://ai.google.dev/gemini-api/docs/pricing, in November 2026.
PRICES = {
    "gpt-6-astra": Price(10.00, 50.00),
    "gpt-6-sol": Price(2.00, 10.00),
    "gpt-6-luna": Price(0.10, 0.50),
    "gemini-3.8-flash": Price(0.75, 3.75),
    "text-embedding-3-small": Price(0.02),
    "text-embedding-3-large": Price(0.13),
    "gemini-embedding-001": Price(0.15),
    "amazon.titan-embed-text-v2:0": Price(0.02),
    "gpt-transcribe": Price(minute=0.0045),
    # A square picture of the quality `max` has 7,024 output tokens at 30.00 for a million. Larger ones cost more.
    "gpt-image-2.6-flare": Price(picture=0.25),
    "demo": Price(),
}
# The setting with further prices, separated by commas.
SETTING = "MODEL_PRICES"
_TOKENS = re.compile(r"(.+)=(\d+\.?\d*)/(\d+\.?\d*)")
_OTHER = re.compile(r"(.+)=(\d+\.?\d*) a (picture|minute)")

Prices = Mapping[str, Price]


def load_prices(setting: str) -> tuple[tuple[str, Price], ...]:
    """Return the further prices of the setting, by model.

    Raises:
        ConfigurationError: an entry has another form.
    """
    prices: dict[str, Price] = {}
    for entry in filter(None, (part.strip() for part in setting.split(","))):
        tokens, other = _TOKENS.fullmatch(entry), _OTHER.fullmatch(entry)
        if tokens is not None:
            prices[tokens[1]] = Price(float(tokens[2]), float(tokens[3]))
        elif other is not None:
            prices[other[1]] = Price(**{other[3]: float(other[2])})
        else:
            raise ConfigurationError(
                f"{SETTING} must be MODEL=READ/WRITTEN in dollars for a million tokens, MODEL=PRICE a picture or "
                f"MODEL=PRICE a minute, not {entry!r}."
            )
    return tuple(prices.items())


def cost(prices: Prices, model: str | None, read: int, written: int) -> float | None:
    """Return what these tokens cost in dollars; None if the model's price is not known."""
    price = prices.get(model or "")
    return None if price is None else (price.read * read + price.written * written) / MILLION


def price_of(prices: Prices, model: str | None) -> Price:
    """Return a model's price. A model without a price counts at the highest prices of the table."""
    known = prices.get(model or "")
    return known if known is not None else Price(*(max(column) for column in zip(*prices.values(), strict=True)))


def millionths(dollars: float) -> int:
    """Return an amount in millionths of a dollar, rounded up: counters are whole numbers."""
    return -int(-dollars * MILLION // 1)
