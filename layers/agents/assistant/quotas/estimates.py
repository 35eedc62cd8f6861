"""Estimate what a turn will use, before it runs. The claim reserves the estimate, and the turn's end replaces it.

A turn begins while its user is below the limit. With the reservation, turns that begin at once see each other. A turn
that needs more for its next model call reserves more, or ends there. So a limit of a day is passed by at most one
reservation, and by what the running calls use beyond their estimates.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatkit.types import UserMessageItem

from assistant.models import ATTACHMENT_TOKENS, CHARACTERS_PER_TOKEN, Meter
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

    def of(self, counter: str) -> int:
        """Return the amount that a counter counts: `spend`, or any other for the tokens."""
        return self.spend if counter == "spend" else self.tokens


def spent(meter: Meter, settings: Settings) -> float:
    """Return the price of a turn's model calls and pictures, in dollars."""
    prices = settings.prices
    dollars = meter.pictures * price_of(prices, settings.image_model).picture if meter.provider != "demo" else 0.0
    for model, (read, written) in meter.by_model().items():
        price = price_of(prices, model)
        dollars += (price.read * read + price.written * written) / MILLION
    return round(dollars, 6)


def used_so_far(meter: Meter, settings: Settings) -> Amount:
    """Return what a turn has used until now, those calls included that are not complete."""
    tokens = sum(read + written for read, written in meter.by_model().values())
    return Amount(tokens, millionths(spent(meter, settings)))


def used_by_model(meter: Meter, settings: Settings) -> dict[str, Amount]:
    """Return what a turn has used until now by model. The pictures count for the model that draws them."""
    prices = settings.prices
    used = {}
    for model, (read, written) in meter.by_model().items():
        price = price_of(prices, model)
        used[model] = Amount(read + written, millionths((price.read * read + price.written * written) / MILLION))
    if meter.pictures:
        drawn = meter.pictures * price_of(prices, settings.image_model).picture if meter.provider != "demo" else 0.0
        before = used.get(settings.image_model, Amount())
        used[settings.image_model] = Amount(before.tokens, before.spend + millionths(drawn))
    return used


def estimate_call(model: str | None, tokens: int, settings: Settings) -> Amount:
    """Return what one model call with an input of so many tokens uses at most."""
    return _amount(model, tokens + OVERHEAD_TOKENS, settings)


def _amount(model: str | None, read: int, settings: Settings) -> Amount:
    written = min(USUAL_OUTPUT_TOKENS, settings.llm_max_output_tokens or USUAL_OUTPUT_TOKENS)
    price = price_of(settings.prices, model)
    return Amount(read + written, millionths((price.read * read + price.written * written) / MILLION))


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
        read += len(message.attachments) * ATTACHMENT_TOKENS
    chosen = message.inference_options.model if message is not None else None
    return _amount(chosen or settings.default_model, read + OVERHEAD_TOKENS, settings)
