"""An input guardrail: payment card numbers are not let in.

It runs beside the model; when it trips, what the turn has shown is removed.
"""

from __future__ import annotations

import re
from typing import Any

from agents import Agent, GuardrailFunctionOutput, RunContextWrapper, TResponseInputItem, input_guardrail

# 13 to 19 digits, in groups or not (ISO/IEC 7812).
_CARD = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d.-])")


@input_guardrail(name="card_numbers")
def no_card_numbers(
    context: RunContextWrapper[Any],
    agent: Agent[Any],
    input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
) -> GuardrailFunctionOutput:
    """Trip when the user's last message holds the number of a payment card."""
    found = any(_is_card(match[0]) for match in _CARD.finditer(_last_message(input)))
    reason = "Please do not send card numbers here. We never need them." if found else None
    return GuardrailFunctionOutput(output_info=reason, tripwire_triggered=found)


def _is_card(number: str) -> bool:
    """Check the last digit by Luhn's algorithm, which any other long number passes once in ten times."""
    digits = [int(char) for char in number if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _last_message(given: str | list[TResponseInputItem]) -> str:
    if isinstance(given, str):
        return given
    messages: list[Any] = [item for item in given if item.get("role") == "user"]
    content = messages[-1].get("content", "") if messages else ""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part.get("type") == "input_text")
