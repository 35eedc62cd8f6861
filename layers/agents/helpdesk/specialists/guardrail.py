"""An input guardrail: payment card numbers are not let in.

It runs beside the model; when it trips, what the turn has shown is removed.
"""

from __future__ import annotations

import re
from typing import Any

from agents import Agent, GuardrailFunctionOutput, RunContextWrapper, TResponseInputItem, input_guardrail

from assistant.conversion import CONTEXT_START

# 13 to 19 digits, in groups or not (ISO/IEC 7812).
_CARD = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d.-])")


@input_guardrail(name="card_numbers")
def no_card_numbers(
    context: RunContextWrapper[Any],
    agent: Agent[Any],
    input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
) -> GuardrailFunctionOutput:
    """Trip when what the user has just said holds the number of a payment card."""
    found = any(_is_card(match[0]) for match in _CARD.finditer(_just_said(input)))
    reason = "Please do not send card numbers here. We never need them." if found else None
    return GuardrailFunctionOutput(output_info=reason, tripwire_triggered=found)


def _is_card(number: str) -> bool:
    """Check the last digit by Luhn's algorithm, which any other long number passes once in ten times."""
    digits = [int(char) for char in number if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _just_said(given: str | list[TResponseInputItem]) -> str:
    """Return the user's last message and what came with or after it: a quote, a mention, the answers in a form."""
    if isinstance(given, str):
        return given
    said: list[str] = []
    messages: list[Any] = [item for item in given if item.get("role") == "user"]
    for message in reversed(messages):
        content = message.get("content", "")
        texts = [content] if isinstance(content, str) else [part["text"] for part in content if "text" in part]
        said += texts
        if not texts or not texts[0].startswith(CONTEXT_START):
            break
    return "\n".join(said)
