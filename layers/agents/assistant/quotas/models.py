"""The counters of each model in a user's row of a day. The same write as that of the other counters adds to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from assistant.quotas.estimates import Amount

# An expression takes letters, digits and underscores in a name without a placeholder, so a model's name is hexadecimal.
_PREFIX = "model_"
_COUNTERS = ("turns", "tokens", "spend")
# The longest names of fine-tuned models have some 80 characters. The name of an attribute has 255 bytes at most.
MAX_NAME_BYTES = 100


class ModelUsage(NamedTuple):
    """What a user has used of a model on a day.

    Attributes:
        turns: The turns that have called it.
        tokens: Its tokens.
        spend: Their price in millionths of a dollar.
    """

    turns: int = 0
    tokens: int = 0
    spend: int = 0


def model_counters(models: Mapping[str, Amount], turns: int = 1) -> dict[str, int]:
    """Return what a turn, or an action that is no turn, adds to the counters of its models."""
    counters: dict[str, int] = {}
    for model, used in models.items():
        name = f"{_PREFIX}{model.encode(errors='replace')[:MAX_NAME_BYTES].hex()}"
        for counter, amount in zip(_COUNTERS, (turns, used.tokens, used.spend), strict=True):
            counters[f"{name}_{counter}"] = amount
    return counters


def usage_by_model(row: Mapping[str, Any]) -> dict[str, ModelUsage]:
    """Return the usage of each model in a day's row."""
    found: dict[str, ModelUsage] = {}
    for attribute, amount in row.items():
        if not attribute.startswith(_PREFIX):
            continue
        encoded, _, counter = attribute.removeprefix(_PREFIX).partition("_")
        model = bytes.fromhex(encoded).decode(errors="replace")
        found[model] = found.get(model, ModelUsage())._replace(**{counter: amount})
    return found
