"""Numbers of payment cards are known however they are written, and nothing else is taken for one."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from agents import Agent, GuardrailFunctionOutput, RunContextWrapper
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.specialists.guardrail import no_card_numbers

AGENT = Agent[None](name="Anybody")

# Numbers that schemes give out for tests, in the groups in which such cards are printed.
CARDS = st.sampled_from(
    [
        ("4111", "1111", "1111", "1111"),
        ("5555", "5555", "5555", "4444"),
        ("2223", "0031", "2200", "3222"),
        ("3782", "822463", "10005"),
        ("3056", "930902", "5904"),
        ("6011", "1111", "1111", "1117"),
        ("6205", "5000", "0000", "0000", "004"),
        ("4222222222222",),
    ]
)


def _parts(separator: str) -> bool:
    """Tell whether a separator reads as no letter, no digit and no list, and is no longer than bold marks are."""
    plain = [char for char in unicodedata.normalize("NFKC", separator) if unicodedata.category(char)[0] not in "M"]
    listed = any(char in ",;" and after.isspace() for char, after in itertools.pairwise(plain))
    return len(plain) <= 5 and not listed and not any(char.isalnum() for char in plain)


SEPARATORS = st.text(st.characters(exclude_categories=["L", "N"]), max_size=5).filter(_parts)
UNSEEN = st.text(st.sampled_from("\u00ad\u200b\u200c\u200d\u2060\ufe0f\ufeff\u20e3"), max_size=2)
# The noughts of ASCII, full width, Arabic and bold mathematics; the other digits follow them.
NOUGHTS = st.sampled_from("0\uff10\u0660\U0001d7ce")
# What stands between the numbers of a list.
LISTED = st.sampled_from([", ", "; ", ",\n", " and ", "\n\n\n\n\n\n"])


def trips(text: str) -> bool:
    output = no_card_numbers.guardrail_function(RunContextWrapper(None), AGENT, text)
    assert isinstance(output, GuardrailFunctionOutput)
    return output.tripwire_triggered


@given(card=CARDS, separator=SEPARATORS, unseen=UNSEEN, nought=NOUGHTS)
def test_a_card_is_known_whatever_parts_its_groups(
    card: tuple[str, ...], separator: str, unseen: str, nought: str
) -> None:
    number = separator.join(card).translate({ord("0") + digit: ord(nought) + digit for digit in range(10)})
    assert trips(f"my card is {unseen.join(number)} ok")


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4111,1111,1111,1111",
        "4111/1111/1111/1111",
        "4111_1111_1111_1111",
        "4111**1111**1111**1111",
        "**4111** **1111** **1111** **1111**",
        "| 4111 | 1111 | 1111 | 1111 |",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20131111\u20131111\u20131111",
        "4111\u200b1111\u200b1111\u200b1111",
        "41\u00ad11 11\u200d11 1111 1\ufeff111",
        "\ufe0f\u20e3".join("4111111111111111"),
        "4111\n1111\n1111\n1111",
        "4111  1111  1111  1111",
        "\uff14\uff11\uff11\uff11 1111 1111 1111",
        "3782 822463 10005",
        "4111 1111 1111 1111 123",
        "4111/1111/1111/1111/123",
        "ann;4111111111111111;2027",
        "4111_1111_1111_1111 and 5555_5555_5555_4444",
        "4111 1111 1111 1111 12/27",
        "12/27 4111 1111 1111 1111",
        "2 4111 1111 1111 1111",
        "order 100200300 4111 1111 1111 1111.",
        "4111 1111 1111 1111\n4111 1111 1111 1111",
    ],
)
def test_a_card_number_is_known_however_it_is_written(text: str) -> None:
    assert trips(f"my card is {text} ok")


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112",
        "call 0049 30 1234567",
        "thread thr_01a200f516c275f8b556596676d35aba",
        "host 12.34.56.78.90.12.34",
        "from 2026-11-22 to 2026-11-23, or 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
        "4111 1111, and then 1111 1111",
        "invoices 4111, 1111, 1111, 1111",
        "invoices 503 503 504 505 500",
        "from 20261122 to 20261126, or 20261122-20261126",
        "1795327751123",
        "41111111111111111111",
        "invoice 502",
    ],
)
def test_other_numbers_pass(text: str) -> None:
    assert not trips(text)


@given(numbers=st.lists(st.integers(0, 10**12 - 1)), separator=LISTED)
def test_a_list_of_numbers_passes(numbers: list[int], separator: str) -> None:
    assert not trips(separator.join(map(str, numbers)))


@given(numbers=st.lists(st.integers(0, 999) | st.integers(1900, 2199)), separator=SEPARATORS.filter(bool))
def test_years_and_small_numbers_pass_whatever_parts_them(numbers: list[int], separator: str) -> None:
    assert not trips(separator.join(map(str, numbers)))


@given(
    rows=st.lists(st.tuples(*[st.integers(1000, 9999)] * 4), min_size=6, unique=True),
    separator=st.sampled_from([",", ";", "\t", "|", " | ", "/"]),
)
def test_a_table_of_numbers_passes(rows: list[tuple[int, ...]], separator: str) -> None:
    """Each row may pass Luhn's algorithm by chance, so in a file of some size one does."""
    assert not trips("\n".join(separator.join(map(str, row)) for row in rows))


@pytest.mark.parametrize("piece", ["4", "4112 ", "4112,", "4112, ", "4112-/", "411,,", "\u200b1"])
def test_a_text_without_end_is_read_through_once(piece: str) -> None:
    """A pattern that goes back over what it has read would take hours, and the loop with it."""
    assert not trips(piece * 200_000)
