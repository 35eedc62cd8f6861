"""The function `ingest`: read one document, cut it into passages and store them."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from assistant.context import Resources
from assistant.knowledge import ingest, space_of

# Stop this long before the invocation ends: one batch of passages takes at most a minute.
MARGIN_MILLISECONDS = 90_000

resources = Resources()


class LambdaContext(Protocol):
    """The part of Lambda's context object that this function uses."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time of the invocation."""
        ...


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, bool]:
    """Read the document that the event names. Return whether it needs no other invocation."""
    done = asyncio.run(
        ingest(
            resources,
            space_of(event),
            event["document_id"],
            time_is_up=lambda: context.get_remaining_time_in_millis() < MARGIN_MILLISECONDS,
        )
    )
    return {"done": done}
