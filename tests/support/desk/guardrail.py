"""A guardrail on the input: no payment card numbers."""

from __future__ import annotations

import re
from typing import Any

from agents import Agent, GuardrailFunctionOutput, RunContextWrapper, TResponseInputItem, input_guardrail

_CARD = re.compile(r"\b\d{4}(?: ?\d{4}){3}\b")


@input_guardrail(name="card_numbers")
def no_card_numbers(
    context: RunContextWrapper[Any],
    agent: Agent[Any],
    input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
) -> GuardrailFunctionOutput:
    """Trip if the user's newest message, or what stands with it, has a card number."""
    found = bool(_CARD.search(_newest(input)))
    reason = "Please do not send card numbers here." if found else None
    return GuardrailFunctionOutput(output_info=reason, tripwire_triggered=found)


def _newest(given: str | list[TResponseInputItem]) -> str:
    if isinstance(given, str):
        return given
    items: list[Any] = list(given)
    start = max((index for index, item in enumerate(items) if item.get("role") == "assistant"), default=-1)
    return str([item for item in items[start + 1 :] if item.get("role") == "user" or "output" in item])
