"""Store a user's feedback in the rows of the items."""

from __future__ import annotations

from chatkit.types import FeedbackKind

from assistant import clock, observability
from assistant.aws import ConditionFailedError, Write
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError
from assistant.threads import ItemNotFoundError, is_visible, row_key, thread_store

# A client sends the items of one answer. A DynamoDB transaction takes at most 100 writes.
MAX_ITEMS = 50


async def save(thread_id: str, item_ids: list[str], kind: FeedbackKind, context: RequestContext) -> None:
    """Store feedback on items. It replaces earlier feedback.

    Raises:
        NotFoundError: The thread or an item is not the caller's. Nothing is stored.
        InvalidRequestError: There are no items, or too many.
    """
    wanted = list(dict.fromkeys(item_ids))
    if not 0 < len(wanted) <= MAX_ITEMS:
        raise InvalidRequestError(f"Feedback must name 1 to {MAX_ITEMS} items.")
    store = thread_store(context.resources)
    _, rows = await store.find_items(thread_id, wanted, context)
    for item_id in wanted:
        if item_id not in rows or not is_visible(rows[item_id]):
            raise ItemNotFoundError(item_id)
    writes = [
        Write(
            row_key(row),
            update="SET feedback = :kind, feedback_at = :now",
            condition="attribute_exists(pk)",
            values={":kind": kind, ":now": clock.now().isoformat()},
        )
        for row in rows.values()
    ]
    try:
        await context.resources.table.transact(writes)
    except ConditionFailedError as error:
        raise ItemNotFoundError(list(rows)[error.index]) from None
    observability.feedback_given(kind, len(writes))
