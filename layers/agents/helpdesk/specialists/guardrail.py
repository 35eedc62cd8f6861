"""An input guardrail: payment card numbers are not let in.

It runs beside the model; when it trips, what the turn has shown is removed.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from agents import Agent, GuardrailFunctionOutput, RunContextWrapper, TResponseInputItem, input_guardrail

from assistant.agent import CONTEXT_START

# 13 to 19 digits (ISO/IEC 7812), of which the first two are a payment card's. With a 2 only Mir's and Mastercard's
# begin, so no year of our time is among them.
_MIN_DIGITS, _MAX_DIGITS, _FIRST_TWO = 13, 19, {*range(22, 28), *range(30, 70)}
# Cards are printed in groups of four to six digits, of 19 the last has three; dates, lists and addresses have shorter
# ones. Between groups stands anything that is no letter, no digit, and no comma of a list, at most as in `**4111** **`.
_MIN_GROUP = 4
_BETWEEN = r"(?:(?![,;]\s)[\W_]){1,5}"
_GROUPS = re.compile(rf"\d{{{_MIN_GROUP},}}(?:{_BETWEEN}\d{{{_MIN_GROUP},}})*(?:{_BETWEEN}\d{{3}})?")
_GROUP = re.compile(r"(\d+)")
# How people write a card, whatever stands before and after it. By anything else the cells of a table are parted too.
_PLAIN = re.compile(r"[ .\u2010-\u2015\u2212-]{1,3}")
# Characters that are not seen, such as a zero-width space, and those that only change how another one looks.
_UNSEEN = {"Cf", "Me", "Mn"}


@input_guardrail(name="card_numbers")
def no_card_numbers(
    context: RunContextWrapper[Any],
    agent: Agent[Any],
    input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
) -> GuardrailFunctionOutput:
    """Trip when what the user has just said holds the number of a payment card."""
    found = any(_has_card(_plain(text)) for text in _just_said(input))
    reason = "Please do not send card numbers here. We never need them." if found else None
    return GuardrailFunctionOutput(output_info=reason, tripwire_triggered=found)


def _plain(text: str) -> str:
    """Return a text as it is read: digits of any look as digits, without what is not seen."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    return text.translate({ord(char): None for char in set(text) if unicodedata.category(char) in _UNSEEN})


def _has_card(text: str) -> bool:
    """Look for a card's number: whole, in groups among others, or in groups like cells of a table.

    Of such rows one in ten passes the check by chance. So they count where all do: a card stands alone.
    """
    if any(_is_card(number) for number in _GROUP.findall(text)):
        return True
    rows: defaultdict[str, list[bool]] = defaultdict(list)
    for run in _GROUPS.finditer(text):
        for separator, groups in _parted_alike(run[0]):
            if separator == _PLAIN.pattern:
                if any(_is_card(number) for number in _joined(groups)):
                    return True
            elif len(groups[0]) == _MIN_GROUP and _MIN_DIGITS <= sum(map(len, groups)) <= _MAX_DIGITS:
                # With the three digits of its back, or without.
                rows[separator].append(_is_card("".join(groups)) or _is_card("".join(groups[:-1])))
    return any(all(cards) for cards in rows.values())


def _parted_alike(run: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the groups of a run that follow one another with the same between them, and what that is."""
    _, first, *rest, _ = _GROUP.split(run)
    last, groups = "", [first]
    for between, group in zip(rest[::2], rest[1::2], strict=True):
        separator = _PLAIN.pattern if _PLAIN.fullmatch(between) else between
        if separator != last and len(groups) > 1:
            yield last, groups
            groups = groups[-1:]
        last = separator
        groups.append(group)
    yield last, groups


def _joined(groups: list[str]) -> Iterator[str]:
    """Yield the numbers that groups make which follow one another."""
    most = _MAX_DIGITS // _MIN_GROUP + 1
    for first in range(len(groups)):
        for end in range(first + 2, min(first + most, len(groups)) + 1):
            yield "".join(groups[first:end])


def _is_card(number: str) -> bool:
    """Check length, beginning, and the last digit by Luhn's algorithm, which other numbers pass once in ten times."""
    if not _MIN_DIGITS <= len(number) <= _MAX_DIGITS:
        return False
    digits = [int(char) for char in number]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return digits[0] * 10 + digits[1] in _FIRST_TWO and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _just_said(given: str | list[TResponseInputItem]) -> list[str]:
    """Return the user's last message and what came with or after it: a quote, a mention, a form, a tool's answer."""
    if isinstance(given, str):
        return [given]
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
    return said
