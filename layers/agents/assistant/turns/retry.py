"""Find the rows that the end of a retry deletes: the old answer, or the items of earlier failed retries.

A retry never deletes the card of a call that the user has approved.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from chatkit.types import ThreadItem

from assistant.approvals import is_approved
from assistant.aws import Row, keys
from assistant.context import RequestContext
from assistant.threads import Outcome, is_visible, thread_store

if TYPE_CHECKING:
    from assistant.turns.plan import Plan

# Item rows per query.
PAGE_ROWS = 100


async def replaced_rows(
    plan: Plan, outcome: Outcome, floor: str, own: Mapping[str, object], context: RequestContext
) -> list[Row]:
    """Return the item rows to delete when a turn ends; none if the turn is no retry and edits no message.

    A retry that succeeds replaces all items after its message, except the cards of approved calls. A retry that fails
    keeps the old answer and replaces the failed retries just before it, so that at most one failed attempt stays.

    A turn that edits a message and succeeds replaces that message and all that follows it, except those cards. A turn
    that fails replaces nothing: its new message is then the newest one of the thread.

    Args:
        plan: The turn's plan.
        outcome: How the turn ends.
        floor: The sort key of the turn's first item.
        own: The turn's own items by id. If there are none, nothing is deleted.
        context: The request's context.
    """
    if plan.edited is not None:
        return await _edited_rows(plan, floor, context) if outcome == "done" else []
    if plan.retry_of is None or not own:
        return []
    if outcome != "done":
        low = plan.failed_attempts
        return [] if low is None else await _items(plan.thread_id, low, floor, own, context)
    message = await thread_store(context.resources).find_item(plan.thread_id, plan.retry_of.id, context)
    if message is None:
        return []
    return await _items(plan.thread_id, message["sk"], keys.ITEM_END, {*own, *plan.changed}, context)


async def _edited_rows(plan: Plan, floor: str, context: RequestContext) -> list[Row]:
    if plan.edited is None or plan.user_message is None:
        return []
    message = await thread_store(context.resources).find_item(plan.thread_id, plan.edited.id, context)
    if message is None:
        return []
    # The new message is the first item of the turn.
    new = plan.user_message.id
    return [message, *await _items(plan.thread_id, message["sk"], floor, {*plan.kept, new}, context)]


async def approved_cards_after(message_id: str, thread_id: str, context: RequestContext) -> list[ThreadItem]:
    """Return the cards of approved calls after a message, the oldest first."""
    store = thread_store(context.resources)
    message = await store.find_item(thread_id, message_id, context)
    if message is None:
        return []
    rows = await _items(thread_id, message["sk"], keys.ITEM_END, (), context)
    widgets = [row for row in rows if row["type"] == "widget" and is_visible(row)]
    return [item for item in await store.decode_items(widgets) if is_approved(item)]


async def _items(thread_id: str, low: str, high: str, but: Container[str], context: RequestContext) -> list[Row]:
    """Return the rows of the items between two sort keys, except those with these ids."""
    pk = context.caller.thread(thread_id).partition
    rows = context.resources.table.rows(pk, after=low, between=(keys.ITEM_PREFIX, high), page=PAGE_ROWS)
    return [row async for row in rows if row["id"] not in but]
