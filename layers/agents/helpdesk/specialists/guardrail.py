"""An input guardrail: refuse a message that contains a payment card number.

It runs while the model answers. If it trips, the turn's output is removed.
"""

from __future__ import annotations

import re
from typing import Any

from agents import Agent, GuardrailFunctionOutput, RunContextWrapper, TResponseInputItem, input_guardrail

from assistant.agent import CONTEXT_START

# The first digits of payment cards, then the groups in which cards are printed: 4-4-4-4, 4-6-5 (American Express) or
# 4-6-4 (Diners Club).
_CARD = re.compile(r"\b(?:[3-6]\d|2[2-7])\d\d(?:[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}|[ -]?\d{6}[ -]?\d{4,5})\b")


@input_guardrail(name="card_numbers")
def no_card_numbers(
    context: RunContextWrapper[Any],
    agent: Agent[Any],
    input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
) -> GuardrailFunctionOutput:
    """Trip if the newest input contains a payment card number."""
    found = any(_passes_luhn(match[0]) for text in _newest_texts(input) for match in _CARD.finditer(text))
    reason = "Please do not send card numbers here. We never need them." if found else None
    return GuardrailFunctionOutput(output_info=reason, tripwire_triggered=found)


def _passes_luhn(number: str) -> bool:
    """Check the last digit by Luhn's algorithm. One in ten other numbers passes too."""
    digits = [int(char) for char in number if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _newest_texts(given: str | list[TResponseInputItem]) -> list[str]:
    """Return the user's last message, its context (quotes, mentions, form answers) and later tool outputs."""
    if isinstance(given, str):
        return [given]
    texts: list[str] = []
    items: list[Any] = list(given)
    for item in reversed(items):
        if item.get("type") == "function_call_output":
            texts.append(str(item["output"]))
        elif item.get("role") == "user":
            content = item.get("content", "")
            parts = [content] if isinstance(content, str) else [part["text"] for part in content if "text" in part]
            texts += parts
            if not parts or not parts[0].startswith(CONTEXT_START):
                break
    return texts
