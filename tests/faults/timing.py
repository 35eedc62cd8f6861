"""The turns' intervals, a few times shorter: a lease that runs out in a second, a flag that is seen at once."""

from __future__ import annotations

import importlib

LEASE_SECONDS = 1.5
# Where no process stalls or dies, a lease must not run out on a machine that starves the process that renews it.
UNHURRIED_LEASE_SECONDS = 15.0

INTERVALS: dict[str, dict[str, float]] = {
    "assistant.threads.turn_record": {"LEASE_SECONDS": LEASE_SECONDS},
    "assistant.turns.lease": {
        "CHECKPOINT_SECONDS": 0.2,
        "FOLLOWED_CHECKPOINT_SECONDS": 0.1,
        "FLAG_POLL_SECONDS": 0.1,
        "RENEWAL_SECONDS": 0.3,
        "_MERGE_SECONDS": 0.02,
    },
    "assistant.turns.follow": {"POLL_SECONDS": 0.05},
    "assistant.turns.stop": {"CANCEL_PATIENCE_SECONDS": 1.0, "CANCEL_POLL_SECONDS": 0.05},
    "assistant.turns.runner": {"ENDING_ATTEMPTS": 2},
}


def quicken() -> None:
    """Shorten the intervals in this process."""
    for name, values in INTERVALS.items():
        for attribute, value in values.items():
            module = importlib.import_module(name)
            assert hasattr(module, attribute)
            setattr(module, attribute, value)
