"""The function `sweep`: finishes what deletes, expiry and crashes have left, on a schedule."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Protocol

from assistant.context import Resources
from assistant.upkeep import sweep

# Kept back from the invocation's time: one piece of work may still be under way when the time is up.
MARGIN_MILLISECONDS = 15_000

resources = Resources()


class LambdaContext(Protocol):
    """What is used of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still run."""
        ...


def lambda_handler(event: dict[str, object], context: LambdaContext) -> dict[str, int]:
    """Do the work that is due, and return how much was finished, failed and postponed."""
    swept = asyncio.run(
        sweep(resources, time_is_up=lambda: context.get_remaining_time_in_millis() < MARGIN_MILLISECONDS)
    )
    return asdict(swept)
