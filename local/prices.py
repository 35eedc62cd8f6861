"""What a model's tokens cost, for the panel. The platform itself counts tokens and knows no prices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

MILLION = 1_000_000


class Price(NamedTuple):
    """US dollars for a million tokens, at the list price, without cached tokens and long contexts."""

    read: float
    written: float


# https://developers.openai.com/api/docs/pricing and https://ai.google.dev/gemini-api/docs/pricing, in November 2026.
PRICES = {
    "gpt-6-astra": Price(10.00, 50.00),
    "gpt-6-sol": Price(2.00, 10.00),
    "gpt-6-luna": Price(0.10, 0.50),
    "gemini-3.8-flash": Price(0.75, 3.75),
    "demo": Price(0.0, 0.0),
}
# The setting with further prices: `MODEL=READ/WRITTEN`, separated by commas.
SETTING = "MODEL_PRICES"


def load_prices(environment: Mapping[str, str]) -> dict[str, Price]:
    """Return the prices by model. Those of the setting win.

    Raises:
        ValueError: the setting is not written as `MODEL=READ/WRITTEN`.
    """
    prices = dict(PRICES)
    for entry in filter(None, (part.strip() for part in environment.get(SETTING, "").split(","))):
        written = re.fullmatch(r"(.+)=(\d+\.?\d*)/(\d+\.?\d*)", entry)
        if written is None:
            raise ValueError(f"{SETTING} must be MODEL=READ/WRITTEN in dollars for a million tokens, not {entry!r}.")
        prices[written[1]] = Price(float(written[2]), float(written[3]))
    return prices


def cost(prices: Mapping[str, Price], model: str | None, read: int, written: int) -> float | None:
    """Return what these tokens cost in dollars; None if the model's price is not known."""
    price = prices.get(model or "")
    return None if price is None else (price.read * read + price.written * written) / MILLION
