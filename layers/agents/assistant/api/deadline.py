"""When a turn must end so that Lambda's own time-out does not cut it off."""

from __future__ import annotations

import asyncio

from starlette.types import Scope

# To send the last events. A turn itself keeps back the time that storing its end takes.
MARGIN_SECONDS = 1.0


def lambda_deadline(scope: Scope) -> float | None:
    """Return when a request's turn must have ended, in seconds of the event loop's clock.

    Args:
        scope: The ASGI scope; Mangum and our streaming runtime both put Lambda's context in it.

    Returns:
        None where no Lambda context is there.
    """
    context = scope.get("aws.context")
    if context is None:
        return None
    remaining: float = context.get_remaining_time_in_millis() / 1000
    return asyncio.get_running_loop().time() + max(0.0, remaining - MARGIN_SECONDS)
