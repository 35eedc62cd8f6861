"""Garbage collection is off while modules load, in whatever order threads begin and end."""

from __future__ import annotations

import gc

from assistant.collection import without_collection


def test_it_is_off_until_the_last_one_ends() -> None:
    first, second = without_collection(), without_collection()
    first.__enter__()
    assert not gc.isenabled()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_what_was_loaded_is_in_no_later_collection() -> None:
    gc.unfreeze()
    with without_collection():
        loaded: list[list[int]] = [[] for _ in range(100_000)]
    try:
        assert gc.get_freeze_count() > len(loaded)
        assert gc.get_count()[0] < len(loaded)
    finally:
        gc.unfreeze()


def test_it_stays_off_where_it_was_off() -> None:
    gc.disable()
    try:
        with without_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
