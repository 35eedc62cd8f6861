"""Ending a turn whose process does not: it died, or it does not answer.

What it had said at its last checkpoint becomes part of the thread. The same transaction ends the turn, so the old
process, should it still live, can store nothing any more.
"""

from __future__ import annotations

from assistant import keys
from assistant.context import RequestContext
from assistant.keys import Key
from assistant.table import ConditionFailedError, Write
from assistant.threads.store import ThreadStore
from assistant.turns import ending
from assistant.turns.record import Outcome, TurnRecord, turn_key
from assistant.turns.saving import ended_turn, story_row


async def take_over(context: RequestContext, thread_id: str, turn: TurnRecord, outcome: Outcome = "lost") -> None:
    """End a turn from outside, unless it has meanwhile ended or moved on.

    Its idempotency key is left as it is: whoever comes with it finds that the turn is over.

    Args:
        context: A request of the thread's owner.
        thread_id: The thread.
        turn: The turn as it was read. One that is ended as `lost` must still have the same lease.
        outcome: How it ended.
    """
    caller = context.caller
    key = turn_key(caller.tenant_id, caller.user_id, thread_id)
    end = ended_turn(key, turn.turn_id, outcome)
    if outcome == "lost":
        end = Write(
            key,
            update=end.update,
            condition=f"{end.condition} AND lease = :seen",
            names=end.names,
            values={**end.values, ":seen": turn.lease},
        )
    kept = ending.kept_items(thread_id, turn.partial, outcome)
    if not turn.judged:
        kept += ending.unjudged_marks(thread_id, turn.operation, turn.changed)
    store = ThreadStore(context.resources)
    writes = [write for item in kept for write in await store.upsert_writes(thread_id, item, context)]
    story = {"operation": turn.operation, "changed": turn.changed, "error": outcome if outcome == "lost" else None}
    row = story_row(context, turn.turn_id, turn.floor, outcome, story)
    try:
        await context.resources.table.transact([end, Write(Key(key.pk, keys.story_sk(turn.turn_id)), put=row), *writes])
    except ConditionFailedError:
        return  # It has ended by itself, or it lives after all.
