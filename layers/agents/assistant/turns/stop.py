"""Stop a running turn: the user cancels it, or a second message arrives in its thread.

If a message arrives while a turn runs, `interrupt` decides by `ON_BUSY`: it ends the running turn, or refuses the
message.
"""

from __future__ import annotations

import asyncio

from assistant.aws import ConditionFailedError, Row
from assistant.aws.keys import Key
from assistant.context import RequestContext, RunningTurn
from assistant.errors import TurnRunningError
from assistant.threads import RUNNING, CancelReason, TurnRecord, explicit_key_sk, frame_key_sk, load_record
from assistant.turns import early_cancel
from assistant.turns.lease import take_over

# A turn in another process reads its cancel flag within two seconds. If it has not ended after this time, end it.
CANCEL_PATIENCE_SECONDS = 4.0
CANCEL_POLL_SECONDS = 0.25
# A cancel may arrive before the claim of its request. It waits for the claim to say that the turn is stopped. This is
# longer than a plan and a claim usually take. A later claim still finds the cancel (`EARLY_CANCEL_SECONDS`).
CLAIM_WAIT_SECONDS = 3.0
# A claim takes one round trip or a few.
START_POLL_SECONDS = 0.02
# A takeover fails only if the lease is renewed between the read and the write, which is rare.
TAKEOVER_ATTEMPTS = 5
# `Retry-After` of a request for a busy thread or to a busy process.
BUSY_RETRY_SECONDS = 2.0


async def cancel(
    context: RequestContext,
    thread_id: str | None = None,
    *,
    idempotency_key: str | None = None,
    frame_id: str | None = None,
) -> bool:
    """Stop a running turn of the caller.

    A client that does not know its thread yet names the request's `Idempotency-Key`, or the frame that has created the
    thread. The request itself may still be on its way, so wait for its claim.

    Args:
        context: The request's context.
        thread_id: The thread whose turn to stop.
        idempotency_key: Used without `thread_id`: the key of the request whose turn to stop.
        frame_id: Used without both: the frame whose newest thread's turn to stop.

    Returns:
        Whether a turn was running. A later claim with the key also finds the cancel, within `EARLY_CANCEL_SECONDS`.
    """
    turn_id: str | None = None
    if thread_id is None:
        sk = explicit_key_sk(idempotency_key) if idempotency_key is not None else frame_key_sk(frame_id or "")
        key = Key(context.caller.partition, sk)
        row, early = await _claimed_row(key, context, remember=idempotency_key is not None)
        if row is None:
            return False
        thread_id = row["thread_id"]
        # A key names one turn. A frame means the turn that the user sees, whichever runs now.
        turn_id = row["turn_id"] if idempotency_key is not None else None
        if early and row.get("cancelled"):
            return True
    local = await _local(thread_id, context)
    if local is not None and turn_id in (None, local.turn_id):
        local.request_end("stopped")
        await local.wait()
        return True
    turn = await read_turn(context, thread_id)
    if turn is None or not turn.running or turn_id not in (None, turn.turn_id):
        return False
    if not turn.alive:
        await take_over(context, thread_id, turn)
        return False
    return await _flag(context, thread_id, turn, "stopped")


async def _local(thread_id: str, context: RequestContext) -> RunningTurn | None:
    """Return the turn that runs in this process. Wait for one that is starting: its claim may be stored already."""
    running, starting = context.resources.running, context.resources.starting
    thread, loop = context.caller.thread(thread_id), asyncio.get_running_loop()
    deadline = loop.time() + CLAIM_WAIT_SECONDS
    while starting[thread] and thread not in running:
        if loop.time() >= deadline:
            break
        await asyncio.sleep(START_POLL_SECONDS)
    return running.get(thread)


async def _claimed_row(key: Key, context: RequestContext, *, remember: bool) -> tuple[Row | None, bool]:
    """Return the row that a claim stores under this key, and whether the cancel came before the claim.

    Wait for the claim up to `CLAIM_WAIT_SECONDS`. The row is None if the claim does not come in this time, or if too
    many requests of the user wait already.

    Args:
        key: The key of the row.
        context: The request's context.
        remember: Whether a later claim shall find the cancel.
    """
    table = context.resources.table
    row = await (early_cancel.remember(table, key) if remember else table.get(key))
    early = row is None
    loop = asyncio.get_running_loop()
    deadline = loop.time() + CLAIM_WAIT_SECONDS
    with context.resources.one_more_wait(context.caller) as may_wait:
        while not early_cancel.is_claimed(row):
            if not may_wait or loop.time() >= deadline:
                return None, early
            await asyncio.sleep(CANCEL_POLL_SECONDS)
            row = await table.get(key)
    return row, early


async def interrupt(turn: TurnRecord, thread_id: str, context: RequestContext) -> None:
    """End the running turn so that the new message can be answered, or refuse the message.

    Raises:
        TurnRunningError: the deployment rejects a message while an answer is being written.
    """
    if not turn.running:
        return  # The turn has started and ended since the plan was made. Plan again.
    if not turn.alive:
        await take_over(context, thread_id, turn)
        return
    if context.settings.on_busy == "reject":
        raise TurnRunningError(retry_after=BUSY_RETRY_SECONDS)
    await _end(turn, thread_id, context)


async def end_turn(context: RequestContext, thread_id: str) -> bool:
    """End the turn that runs in a thread, also if a message could not. Its partial answer is kept.

    Args:
        context: A request of the thread's owner.
        thread_id: The thread.

    Returns:
        Whether no turn runs now.
    """
    turn = await read_turn(context, thread_id)
    if turn is None or not turn.running:
        return True
    if turn.alive:
        await _end(turn, thread_id, context)
    else:
        await take_over(context, thread_id, turn)
    turn = await read_turn(context, thread_id)
    return turn is None or not turn.running


async def _end(turn: TurnRecord, thread_id: str, context: RequestContext) -> None:
    """End a living turn: ask its process first, then take the turn over."""
    # The user may have stopped the turn already, and its process does not know yet.
    reason = turn.cancel or "interrupted"
    local = context.resources.running.get(context.caller.thread(thread_id))
    if local is not None and local.turn_id == turn.turn_id:
        local.request_end(reason)
        await local.wait()
        return
    await _flag(context, thread_id, turn, reason)
    loop = asyncio.get_running_loop()
    patience = loop.time() + CANCEL_PATIENCE_SECONDS
    while loop.time() < patience:
        await asyncio.sleep(CANCEL_POLL_SECONDS)
        current = await read_turn(context, thread_id)
        if current is None or current.turn_id != turn.turn_id or not current.running:
            return
        turn = current
    # The turn's process may still be renewing its lease, which makes a takeover fail.
    for _ in range(TAKEOVER_ATTEMPTS):
        if await take_over(context, thread_id, turn, reason):
            return
        current = await read_turn(context, thread_id)
        if current is None or current.turn_id != turn.turn_id or not current.running:
            return
        turn = current


async def _flag(context: RequestContext, thread_id: str, turn: TurnRecord, reason: CancelReason) -> bool:
    """Set the cancel flag of a turn in another process. Return whether the turn was still running."""
    caller = context.caller
    try:
        await context.resources.table.update(
            caller.thread(thread_id).turn_key,
            "SET cancel = :reason",
            condition="turn_id = :turn_id AND #state = :running",
            names={"#state": "state"},
            values={":reason": reason, ":turn_id": turn.turn_id, ":running": RUNNING},
        )
    except ConditionFailedError:
        return False
    return True


async def read_turn(context: RequestContext, thread_id: str) -> TurnRecord | None:
    """Return the record of the thread's newest turn; None if there is none."""
    caller = context.caller
    return load_record(await context.resources.table.get(caller.thread(thread_id).turn_key))
