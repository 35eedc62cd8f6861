"""Remember a cancel that arrives before the claim of its request, so that the claim finds it and stops the turn.

The cancel is a row under the request's key, or under the key of the frame. The claim writes the same row, on condition
that there is no such cancel. So a claim without an early cancel needs no further read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from assistant import quotas
from assistant.aws import ConditionFailedError, Row, Table, Write
from assistant.aws.keys import Key
from assistant.budgets import EARLY_CANCEL_SECONDS
from assistant.threads import SCHEMA_VERSION

# A row with a turn is that of an earlier claim. A cancel whose claim never came does not count after its time.
NO_EARLY_CANCEL = "attribute_not_exists(cancelled) OR attribute_exists(turn_id) OR expires_at < :now"


async def remember(table: Table, key: Key) -> Row | None:
    """Remember the cancel of a request that is not claimed yet.

    Returns:
        The row that a claim has written under this key; None if there is none, so the cancel is remembered.
    """
    now = quotas.seconds()
    end = now + int(EARLY_CANCEL_SECONDS)
    row: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "cancelled": True, "expires_at": end, "ttl": end}
    try:
        await table.put(key, row, condition="attribute_not_exists(pk) OR expires_at < :now", now=now)
    except ConditionFailedError as error:
        return error.row if is_claimed(error.row) else None
    return None


def is_claimed(row: Row | None) -> bool:
    """Tell whether a claim has written this row. A remembered cancel has no turn."""
    return row is not None and "turn_id" in row


def accepted(error: ConditionFailedError, writes: Sequence[Write]) -> list[Write] | None:
    """Return a claim's writes so that they replace the early cancels which the claim has met; None if it met none.

    The rows then say `cancelled`, so the request that has cancelled learns that the turn is stopped.
    """
    failed = [(error.index, error.row), *error.others]
    met = {index for index, row in failed if row is not None and row.get("cancelled") and not is_claimed(row)}
    if not met:
        return None
    return [
        replace(
            write,
            put={**(write.put or {}), "cancelled": True},
            condition=f"attribute_not_exists(turn_id) OR ({write.condition})",
        )
        if index in met
        else write
        for index, write in enumerate(writes)
    ]
