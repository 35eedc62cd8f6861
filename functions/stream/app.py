"""The function `stream`: the same operations as `chat`, with streaming. The streaming runtime runs `app`."""

from __future__ import annotations

from functools import cache
from typing import Any

from assistant.api import create_app, lambda_deadline, make_handler
from assistant.models import reset_clients
from lambda_stream import register_after_restore, register_before_snapshot

app = create_app(streaming=True, deadline=lambda_deadline)


@register_before_snapshot
async def load_for_the_snapshot() -> None:
    """Load everything that a turn needs into the snapshot."""
    from assistant import turns

    await turns.preload(app.state.services.resources.settings)


# Connections do not survive a snapshot.
register_after_restore(reset_clients)


# The streaming runtime does not need the handler, which imports Mangum.
_handler = cache(lambda: make_handler(app))


def lambda_handler(event: Any, context: Any) -> Any:
    """Answer without streaming, if the function runs without the wrapper."""
    return _handler()(event, context)
