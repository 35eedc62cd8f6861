"""The sample guardrail finds payment card numbers and lets other numbers pass."""

from __future__ import annotations

import pytest
from agents import Agent, GuardrailFunctionOutput, RunContextWrapper

from helpdesk.specialists.guardrail import no_card_numbers

AGENT = Agent[None](name="Anybody")


def trips(text: str) -> bool:
    output = no_card_numbers.guardrail_function(RunContextWrapper(None), AGENT, text)
    assert isinstance(output, GuardrailFunctionOutput)
    return output.tripwire_triggered


@pytest.mark.parametrize(
    "card",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "5555 5555 5555 4444",
        "2223 0031 2200 3222",
        "3782 822463 10005",
        "3056 930902 5904",
        "4222222222222",
        "4111 1111 1111 1111 12/27 123",
        "4111 1111 1111 1111.",
    ],
)
def test_a_card_number_trips(card: str) -> None:
    assert trips(f"my card is {card}")


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112",
        "invoice 502",
        "call 0049 30 1234567",
        "thread thr_01a200f516c275f8b556596676d35aba",
        "host 12.34.56.78.90.12.34",
        "from 2026-11-22 to 2026-11-23",
        "invoices 4111, 1111, 1111, 1111",
        "milliseconds 1795327751123",
        "41111111111111111111",
    ],
)
def test_other_numbers_pass(text: str) -> None:
    assert not trips(text)


@pytest.mark.parametrize("piece", ["4", "4112 ", "4112-"])
def test_a_very_long_text_is_searched_in_linear_time(piece: str) -> None:
    assert not trips(piece * 200_000)
