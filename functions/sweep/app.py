"""The function `sweep`: on a schedule, finish the work that deletions, expiry and crashes have left.

With `StopModelsOnAlarm`, the alarm on spend calls it too. Then it writes the record that stops all paid calls.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Protocol

from assistant.context import Resources
from assistant.quotas import stop_models
from assistant.upkeep import sweep

# Stop this long before the invocation ends, so that running work can finish.
MARGIN_MILLISECONDS = 15_000

resources = Resources()


class LambdaContext(Protocol):
    """The part of Lambda's context object that this function uses."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time of the invocation."""
        ...


def lambda_handler(event: dict[str, object], context: LambdaContext) -> dict[str, int]:
    """Do the work that is due. Return the counts of one run."""
    if "Records" in event:
        # The event of a notification. Only the topic of the alarm may send one.
        asyncio.run(stop_models(resources, stopped=True, reason="the alarm on spend"))
    swept = asyncio.run(
        sweep(resources, time_is_up=lambda: context.get_remaining_time_in_millis() < MARGIN_MILLISECONDS)
    )
    return asdict(swept)
