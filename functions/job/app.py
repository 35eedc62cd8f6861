"""The function `job`: run one job of the agents' package, until it ends or until the invocation ends."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from assistant.context import Resources
from assistant.jobs import ref_of, run_job

# Stop at a checkpoint this long before the invocation ends.
MARGIN_MILLISECONDS = 120_000

resources = Resources()


class LambdaContext(Protocol):
    """The part of Lambda's context object that this function uses."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time of the invocation."""
        ...


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, bool]:
    """Run the job that the event names. Return whether it needs no other invocation."""
    done = asyncio.run(
        run_job(
            resources,
            ref_of(event),
            time_is_up=lambda: context.get_remaining_time_in_millis() < MARGIN_MILLISECONDS,
        )
    )
    return {"done": done}
