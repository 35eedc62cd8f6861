"""The card of the notes."""

from __future__ import annotations

from new_package.records import Note
from new_package.widgets import REMOVE, notes_card, notes_text


def test_each_note_has_a_button_that_removes_it() -> None:
    card = notes_card([Note("1", "buy milk"), Note("2", "call Ada")]).model_dump()
    buttons = [row["children"][1]["onClickAction"] for row in card["children"]]
    assert [(each["type"], each["payload"]) for each in buttons] == [(REMOVE, {"note_id": each}) for each in ("1", "2")]


def test_a_card_without_notes_says_so() -> None:
    assert notes_card([]).model_dump()["children"][0]["value"] == "No notes."


def test_the_notes_can_be_copied_as_text() -> None:
    assert notes_text([Note("1", "buy milk"), Note("2", "call Ada")]) == "- buy milk\n- call Ada"
