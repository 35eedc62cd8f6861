"""`docs/protocol.md` matches the tests, and the tests cover the SDK's whole protocol."""

from __future__ import annotations

from scripts.protocol_page import PAGE, claims, missing, page_with, protocol, tables


def test_every_operation_event_item_and_update_of_the_sdk_is_shown_by_a_test() -> None:
    parts = protocol()
    assert {title: len(names) for title, names in parts.items()} == {
        "Operations": 16,
        "Events": 12,
        "Items": 11,
        "Updates of items": 10,
    }
    assert missing(parts, list(claims())) == []


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page_with(text, tables(protocol(), list(claims()))) == text, "python scripts/protocol_page.py --write"


def test_a_part_that_no_test_shows_and_one_that_is_not_there_are_named() -> None:
    parts = {"Operations": ["threads.create", "threads.fork"]}
    shown = [("test_a.py", "test_it", "threads.create"), ("test_a.py", "test_it", "threads.merge")]
    assert missing(parts, shown) == ["no test shows threads.fork", "threads.merge is not in the protocol"]
