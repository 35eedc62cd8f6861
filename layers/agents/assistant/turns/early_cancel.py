"""Remember a cancel that arrives before the claim of its request, so that the claim finds it and stops the turn.

The cancel is a row under the request's `Idempotency-Key`. The claim writes the same row, on condition that the row does
not exist. So a claim without an early cancel needs no further read. A cancel by frame is not remembered: it would also
stop another message that the user sends from the frame after the first was refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from assistant.aws import ConditionFailedError, Row, Table, Write
from assistant.aws.keys import Key
from assistant.budgets import EARLY_CANCEL_SECONDS
from assistant.quotas import seconds
from assistant.threads import SCHEMA_VERSION


async def remember(table: Table, key: Key) -> Row | None:
    """Remember the cancel of a request that is not claimed yet.

    Returns:
        The row that a claim has written under this key; None if there is none, so the cancel is remembered.
    """
    now = seconds()
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
    """Return a claim's writes so that the key's row replaces an early cancel; None if the claim has met none.

    The row then says `cancelled`, so the request that has cancelled learns that the turn is stopped.

    Args:
        error: The refusal of the claim by its first write, which is the key's.
        writes: The claim's writes.
    """
    if error.row is None or is_claimed(error.row):
        return None
    put = {**(writes[0].put or {}), "cancelled": True}
    first = replace(writes[0], put=put, condition="attribute_not_exists(turn_id)", values={})
    return [first, *writes[1:]]
