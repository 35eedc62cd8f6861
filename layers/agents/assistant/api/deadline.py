"""When a turn must end so that Lambda's own time-out does not cut it off."""

from __future__ import annotations

import asyncio

from starlette.types import Scope

# From the end of a turn's time on: to cancel the model and the tools, to store the end, to send the last events.
MARGIN_SECONDS = 4.0


def lambda_deadline(scope: Scope) -> float | None:
    """Return when a request's turn is to come to its end, in seconds of the event loop's clock.

    Args:
        scope: The ASGI scope; Mangum and our streaming runtime both put Lambda's context in it.

    Returns:
        None where no Lambda context is there.
    """
    context = scope.get("aws.context")
    if context is None:
        return None
    remaining: float = context.get_remaining_time_in_millis() / 1000
    # A function with a very short time-out still gets half of it for its turn.
    return asyncio.get_running_loop().time() + max(remaining - MARGIN_SECONDS, remaining / 2)
