"""`docs/access.md` has the answers that `tests/integration/tenancy/test_access.py` gets."""

from __future__ import annotations

from scripts.access_page import COMMAND, PAGE, page_with, tables


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page_with(text, tables()) == text, COMMAND


def test_a_row_has_an_answer_for_each_identity() -> None:
    rows = [line for line in tables().splitlines() if line.startswith("| `")]
    assert len(rows) > 25
    assert {line.count("|") for line in rows} == {rows[0].count("|")}
    refused = next(line for line in rows if "`threads.delete`" in line)
    assert refused.count("401") > 15
    assert refused.count("404") == 5
    assert "200" not in refused
