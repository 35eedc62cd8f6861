"""Compute a turn's deadline, which is shortly before Lambda's timeout."""

from __future__ import annotations

import asyncio

from starlette.types import Scope

# After its deadline, a turn needs time to cancel the model and the tools, store its end and send the last events.
MARGIN_SECONDS = 4.0


def lambda_deadline(scope: Scope) -> float | None:
    """Return the deadline of a request's turn, in seconds of the event loop's clock.

    Args:
        scope: The ASGI scope. Mangum and our streaming runtime add Lambda's context to it.

    Returns:
        None outside Lambda.
    """
    context = scope.get("aws.context")
    if context is None:
        return None
    remaining: float = context.get_remaining_time_in_millis() / 1000
    # With a very short timeout, the turn still gets half of it.
    return asyncio.get_running_loop().time() + max(remaining - MARGIN_SECONDS, remaining / 2)
