"""Loading the server of the turns."""

from __future__ import annotations

import gc

from assistant.turns import service


def test_garbage_collections_leave_out_what_the_sdk_has_loaded() -> None:
    service._server.cache_clear()
    gc.unfreeze()
    service._server()
    assert gc.get_freeze_count() > 0
    collected = gc.get_freeze_count()
    service._server()
    assert gc.get_freeze_count() == collected, "it is done once, not in each turn"
