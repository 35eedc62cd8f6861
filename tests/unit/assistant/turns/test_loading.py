"""Loading the server of the turns."""

from __future__ import annotations

import gc

import pytest

from assistant.turns import service


def test_garbage_collections_leave_out_what_the_sdk_has_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    service._server.cache_clear()
    gc.unfreeze()
    service._server()
    assert gc.get_freeze_count() > 0
    # It is done once, not in each turn.
    monkeypatch.setattr(gc, "freeze", None)
    service._server()
