"""What goes with the end of a retry: the answer that it has replaced, or what was left of the retries before it."""

from __future__ import annotations

from collections.abc import Mapping

from assistant import keys
from assistant.context import RequestContext
from assistant.table import Row
from assistant.threads.store import ThreadStore
from assistant.turns.plan import Plan
from assistant.turns.record import Outcome

# Rows that are read at once.
PAGE_ROWS = 100


async def replaced_rows(
    plan: Plan, outcome: Outcome, floor: str, own: Mapping[str, object], context: RequestContext
) -> list[Row]:
    """Return the rows of items that go when a turn ends; none for what is no retry.

    A retry that succeeds takes the place of all that stood behind its message. One that fails leaves that where it is,
    and takes the place of the retries just before it, which failed as well: of however many, one attempt stays.

    Args:
        plan: The turn's plan.
        outcome: How the turn ends.
        floor: The sort key behind which the turn's own items stand.
        own: These, by id; without any, nothing goes.
        context: The turn's request.
    """
    if plan.retry_of is None or not own:
        return []
    if outcome != "done":
        low = plan.failed_attempts
        return [] if low is None else await _items(plan.thread_id, low, floor, own, context)
    message = await ThreadStore(context.resources).find_item(plan.thread_id, plan.retry_of.id, context)
    if message is None:
        return []
    return await _items(plan.thread_id, message["sk"], keys.ITEM_END, own, context)


async def _items(thread_id: str, low: str, high: str, own: Mapping[str, object], context: RequestContext) -> list[Row]:
    """Return the rows of the items behind a place, but the turn's own."""
    pk = keys.thread_partition(context.caller.tenant_id, context.caller.user_id, thread_id)
    rows: list[Row] = []
    after, more = low, True
    while more:
        found, more = await context.resources.table.query(
            pk, between=(keys.ITEM_PREFIX, high), after=after, limit=PAGE_ROWS
        )
        rows += [each for each in found if each["id"] not in own]
        after = found[-1]["sk"] if found else after
    return rows
