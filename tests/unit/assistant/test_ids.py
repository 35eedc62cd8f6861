"""Ids in this project's format, and ids that only look like them."""

from __future__ import annotations

import pytest

from assistant.ids import new_id, split_own_id


def test_an_id_of_ours_is_its_prefix_and_its_uuid() -> None:
    made = new_id("msg")
    assert split_own_id(made) == ("msg", made.removeprefix("msg_"))


@pytest.mark.parametrize("changed", ["{}\n", " {}", "{}0", "x{}/", "{}\x00"])
def test_what_is_not_exactly_of_our_form_is_foreign(changed: str) -> None:
    """Two spellings of one id would share a place and still compare as different."""
    assert split_own_id(changed.format(new_id("msg"))) is None
