"""Put the end of a job into its thread: one transaction with the job's end, its card and an item.

If a turn runs in the thread, the end waits for it. Otherwise a retry, which replaces all items after its message, would
remove the result. If the process is killed meanwhile, the sweep does the same later.

A job belongs to its card. If a retry or an edit has removed the card, the job is cancelled and leaves no item.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from chatkit.types import AssistantMessageContent, AssistantMessageItem, ThreadItem

from assistant import clock, turns
from assistant.aws import ConditionFailedError, Row, Write
from assistant.context import RequestContext
from assistant.ids import ID_PREFIXES, new_id
from assistant.jobs.card import job_card
from assistant.jobs.rows import JobRef, State, work_of
from assistant.texts import in_language
from assistant.threads import (
    JOBS,
    ThreadNotFoundError,
    load_record,
    row_key,
    thread_store,
)

POLL_SECONDS = 1.0
_NO_TURN = "attribute_not_exists(turn_id) OR #state <> :running"
# A user reads these if the job's function returns no text.
_ENDS: dict[State, str] = {
    "failed": "The job “{}” has failed.",
    "cancelled": "The job “{}” was cancelled.",
    "done": "The job “{}” is done.",
}
# The work may have changed something, so the user must not believe that nothing was done.
_TOO_LATE = "The job “{}” was cancelled after its work was done. There is no result."


async def end_job(
    ref: JobRef,
    row: Row,
    state: State,
    result: str | ThreadItem | None,
    resources: Any,
    *,
    time_is_up: Callable[[], bool] = lambda: False,
) -> bool:
    """End a job, and put an item about it into its thread.

    Args:
        ref: The job.
        row: Its row as it was read. The transaction has a condition on its run.
        state: How it ends.
        result: A text in Markdown, or an item; None for a line that says how it ended.
        resources: The process's table and bucket.
        time_is_up: True ends the wait for a running turn.

    Returns:
        Whether the end is stored. If not, a turn runs, or another process has ended the job.
    """
    while not time_is_up():
        context = RequestContext(ref.owner, resources)
        if not await _wait_for_turn(ref, context, time_is_up):
            return False
        try:
            await resources.table.transact(await _end(ref, row, state, result, context))
        except ThreadNotFoundError:
            return True
        except ConditionFailedError as error:
            if error.index == 0:
                now = await resources.table.get(ref.key)
                if now is None or not now.get("cancel") or state == "cancelled" or not _is_same_run(now, row):
                    return False
                # The user was told that the job is cancelled, when its function had just ended.
                late = in_language(_TOO_LATE.replace("{}", row["title"]), row["language"])
                result = late if state == "done" else None
                row, state = now, "cancelled"
                continue
            await asyncio.sleep(POLL_SECONDS / 10)  # A turn has begun, or another request has changed the thread.
            continue
        return True
    return False


async def _wait_for_turn(ref: JobRef, context: RequestContext, time_is_up: Callable[[], bool]) -> bool:
    key = ref.owner.thread(ref.thread_id).turn_key
    while not time_is_up():
        turn = load_record(await context.resources.table.get(key))
        if turn is None or not turn.running:
            return True
        if not turn.alive:
            await turns.take_over(context, ref.thread_id, turn)
            continue
        await asyncio.sleep(POLL_SECONDS)
    return False


async def _end(
    ref: JobRef, row: Row, state: State, result: str | ThreadItem | None, context: RequestContext
) -> list[Write]:
    store, thread_id = thread_store(context.resources), ref.thread_id
    thread = await store.load_thread(thread_id, context)
    left = [each for each in thread.metadata.get(JOBS, []) if each != ref.job_id]
    thread.metadata = {name: value for name, value in thread.metadata.items() if name != JOBS}
    if left:
        thread.metadata[JOBS] = left
    changed, _ = store.change(thread, context.loaded[thread_id].row, context)
    removed = await is_removed(ref, row, context)
    item = [] if removed else await store.item_writes(thread_id, _item(result, state, row, thread_id), context)
    conditions = ["#state = :before"]
    if "run_id" in row:
        conditions.append("run_id = :run")
    if state != "cancelled":
        conditions.append("attribute_not_exists(cancel)")
    return [
        Write(
            ref.key,
            update="SET #state = :state REMOVE lease, saved",
            condition=" AND ".join(conditions),
            names={"#state": "state"},
            values={
                ":state": "cancelled" if removed else state,
                ":before": row["state"],
                **({":run": row["run_id"]} if "run_id" in row else {}),
            },
        ),
        Write(
            ref.owner.thread(thread_id).turn_key,
            condition=_NO_TURN,
            names={"#state": "state"},
            values={":running": "running"},
        ),
        *changed,
        *item,
        Write(work_of(ref, row["created_at"]).key, delete=True),
        *await card_writes(ref, {**row, "state": state}, context),
    ]


def _is_same_run(now: Row, row: Row) -> bool:
    return (now["state"], now.get("run_id")) == (row["state"], row.get("run_id"))


async def is_removed(ref: JobRef, row: Row, context: RequestContext) -> bool:
    """Tell whether a retry or an edit has removed a job's card.

    A card that is not there while the job's own turn is the last one is not stored yet, or that turn's process died.
    """
    turn = load_record(await context.resources.table.get(ref.owner.thread(ref.thread_id).turn_key))
    if turn is None or turn.running or turn.turn_id == row["turn_id"]:
        return False
    return await thread_store(context.resources).find_item(ref.thread_id, row["item_id"], context) is None


async def card_writes(ref: JobRef, row: Row, context: RequestContext) -> list[Write]:
    """Return the writes of a job's card as it is now; none if the user's retry has removed the card."""
    store = thread_store(context.resources)
    found = await store.find_item(ref.thread_id, row["item_id"], context)
    if found is None:
        return []
    shown = await store.load_item(ref.thread_id, row["item_id"], context)
    card = job_card(row["item_id"], ref.thread_id, row).model_copy(update={"created_at": shown.created_at})
    return await store.item_writes(ref.thread_id, card, context, at=row_key(found), condition="attribute_exists(id)")


def _item(result: str | ThreadItem | None, state: State, row: Row, thread_id: str) -> ThreadItem:
    if result is not None and not isinstance(result, str):
        return result.model_copy(update={"id": new_id(ID_PREFIXES["message"]), "thread_id": thread_id})
    text = result or in_language(_ENDS[state].replace("{}", row["title"]), row["language"])
    return AssistantMessageItem(
        id=new_id(ID_PREFIXES["message"]),
        thread_id=thread_id,
        created_at=clock.now(),
        content=[AssistantMessageContent(text=text)],
    )
