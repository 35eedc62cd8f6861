"""Estimate what a turn will use, before it runs. The claim reserves the estimate, and the turn's end replaces it.

A turn begins while its user is below the limit. With the reservation, turns that begin at once see each other. So a
limit of a day is passed by at most one turn, and by what turns at once use beyond their estimates.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatkit.types import UserMessageItem

from assistant.models import CHARACTERS_PER_TOKEN, Meter
from assistant.prices import MILLION, millionths, price_of
from assistant.settings import Settings

# The instructions and the tools of an agent. Those of the sample's agents have some 1,500 tokens.
OVERHEAD_TOKENS = 2_000
# An answer of two printed pages. Most are shorter.
USUAL_OUTPUT_TOKENS = 1_500


@dataclass(frozen=True)
class Amount:
    """Tokens, and millionths of a dollar."""

    tokens: int = 0
    spend: int = 0


def spent(meter: Meter, settings: Settings) -> float:
    """Return the price of a turn's model calls and pictures, in dollars."""
    prices = settings.prices
    dollars = meter.pictures * price_of(prices, settings.image_model).picture if meter.provider != "demo" else 0.0
    for model, (read, written) in meter.by_model().items():
        price = price_of(prices, model)
        dollars += (price.read * read + price.written * written) / MILLION
    return round(dollars, 6)


def estimate(message: UserMessageItem | None, *, new_thread: bool, settings: Settings) -> Amount:
    """Return what a turn with one model call uses at most.

    Args:
        message: The message to answer, if there is one.
        new_thread: Whether the model reads only this message.
        settings: The model, its price and the limits on input and output.
    """
    read = settings.history_max_tokens
    if new_thread and message is not None:
        read = sum(len(part.text) for part in message.content) // CHARACTERS_PER_TOKEN
    read += OVERHEAD_TOKENS
    written = min(USUAL_OUTPUT_TOKENS, settings.llm_max_output_tokens or USUAL_OUTPUT_TOKENS)
    chosen = message.inference_options.model if message is not None else None
    price = price_of(settings.prices, chosen or settings.default_model)
    dollars = (price.read * read + price.written * written) / MILLION
    return Amount(read + written, millionths(dollars))
