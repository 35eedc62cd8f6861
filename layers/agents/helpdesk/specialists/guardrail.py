"""An input guardrail: payment card numbers are not let in.

It runs beside the model; when it trips, what the turn has shown is removed.
"""

from __future__ import annotations

import re
from typing import Any

from agents import Agent, GuardrailFunctionOutput, RunContextWrapper, TResponseInputItem, input_guardrail

from assistant.conversion import CONTEXT_START

# 13 to 19 digits (ISO/IEC 7812), and the industries that give out payment cards.
_MIN_DIGITS, _MAX_DIGITS, _FIRST = 13, 19, range(2, 7)
# Cards are printed in groups of four to six digits; dates, lists and addresses have shorter ones.
_GROUPS = re.compile(r"\d{3,}(?:[\s.\u2010-\u2015\u2212-]{1,3}\d{3,})*")
_GROUP = re.compile(r"\d+")


@input_guardrail(name="card_numbers")
def no_card_numbers(
    context: RunContextWrapper[Any],
    agent: Agent[Any],
    input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
) -> GuardrailFunctionOutput:
    """Trip when what the user has just said holds the number of a payment card."""
    found = _has_card(_just_said(input))
    reason = "Please do not send card numbers here. We never need them." if found else None
    return GuardrailFunctionOutput(output_info=reason, tripwire_triggered=found)


def _has_card(text: str) -> bool:
    """Look for a card's number among groups of digits that follow one another, beside others or not."""
    for run in _GROUPS.finditer(text):
        groups = _GROUP.findall(run[0])
        for first in range(len(groups)):
            number = ""
            for group in groups[first : first + _MAX_DIGITS // 3]:
                number += group
                if len(number) > _MAX_DIGITS:
                    break
                if len(number) >= _MIN_DIGITS and _is_card(number):
                    return True
    return False


def _is_card(number: str) -> bool:
    """Check the last digit by Luhn's algorithm, which any other long number passes once in ten times."""
    digits = [int(char) for char in number]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return digits[0] in _FIRST and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _just_said(given: str | list[TResponseInputItem]) -> str:
    """Return the user's last message and what came with or after it: a quote, a mention, a form, a tool's answer."""
    if isinstance(given, str):
        return given
    said: list[str] = []
    items: list[Any] = list(given)
    for item in reversed(items):
        if item.get("type") == "function_call_output":
            said.append(str(item["output"]))
        if item.get("role") != "user":
            continue
        content = item.get("content", "")
        texts = [content] if isinstance(content, str) else [part["text"] for part in content if "text" in part]
        said += texts
        if not texts or not texts[0].startswith(CONTEXT_START):
            break
    return "\n\n\n\n".join(said)
