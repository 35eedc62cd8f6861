"""The card that asks for an approval shows the call's arguments as a person reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assistant.approvals import cards


def rows(arguments: str | None) -> list[tuple[str, str]]:
    """Return the labels and values on the card of a call with these arguments."""
    call = cards.Call("send_invoice", arguments, "", "run_1", "call_1")
    children: list[dict[str, Any]] = cards.asking("msg_1", "thr_1", call, "en").widget.model_dump()["children"]
    shown = [child["children"] for child in children if child["type"] == "Row"]
    return [(label["value"], value["value"]) for label, value in shown]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Ann", "Ann"),
        (12.5, "12.5"),
        (True, "Yes"),
        (False, "No"),
        (["a", 2], "a, 2"),
        ({"street_name": "Elm", "number": 4}, "Street name: Elm; Number: 4"),
        ([{"id": 1}, {"id": 2}], "Id: 1, Id: 2"),
    ],
)
def test_an_argument_is_shown_in_words(value: object, shown: str) -> None:
    assert rows(json.dumps({"to_whom": value})) == [("To whom", shown)]


@pytest.mark.parametrize("arguments", [None, "", "{}", "{", '{"to_whom": null}'])
def test_what_was_not_given_is_not_shown(arguments: str | None) -> None:
    assert rows(arguments) == []
