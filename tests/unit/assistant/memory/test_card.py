"""The card of a kept fact has components that ChatKit knows."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from assistant.memory.card import kept_card
from assistant.memory.rows import Fact
from assistant.widgets import widget
from tests.support import wire_schema

FACT = Fact("0190", "Prefers tea.", "asked", (), None, "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize(("language", "label"), [("en", "Forget"), ("de", "Vergessen")])
def test_the_card_is_a_strict_widget_in_the_users_language(language: str, label: str) -> None:
    document = kept_card(FACT, language).model_dump(exclude_none=True)
    assert widget(document).model_dump(exclude_none=True) == document
    assert document["children"][1]["label"] == label
    # An icon that the element does not know.
    card = Draft202012Validator({"$defs": wire_schema.event_validator().schema["$defs"], "$ref": "#/$defs/Card"})
    assert [error.message for error in card.iter_errors(document)] == []
