"""Claiming a turn: one transaction that takes the idempotency key, the thread, the quota and the message.

Whoever's transaction succeeds runs the turn; nobody else can, in any process. Whoever's does not learns why from
the condition that failed: the same request runs already or has run, or the thread is busy, locked or gone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from assistant import ids, keys, quotas
from assistant.attachments import refusal as attachment_refusal
from assistant.context import RequestContext
from assistant.errors import QuotaExceededError, ThreadLockedError
from assistant.keys import Key
from assistant.table import ConditionFailedError, Row, Write
from assistant.threads.rows import expiry, is_visible
from assistant.threads.store import THREAD_EXISTS, ThreadNotFoundError, ThreadStore
from assistant.turns.opening import Opening, read_opening
from assistant.turns.plan import Plan
from assistant.turns.record import IdempotencyKey, TurnRecord, key_row, load_record, running_row

TURN_PREFIX = "turn"

_NO_TURN = "attribute_not_exists(turn_id) OR #state <> :running"


@dataclass(frozen=True)
class Claimed:
    """The turn is ours to run."""

    turn_id: str
    floor: str
    opening: Opening


@dataclass(frozen=True)
class SameRequest:
    """The same request was claimed before; its turn runs, or has ended under an explicit key."""

    turn_id: str
    thread_id: str
    state: str


@dataclass(frozen=True)
class Busy:
    """Another turn holds the thread."""

    turn: TurnRecord


async def claim(plan: Plan, key: IdempotencyKey, context: RequestContext) -> Claimed | SameRequest | Busy:
    """Try to claim a turn, and read the thread beside it: one serial hop.

    Raises:
        NotFoundError: the thread, or an attachment, is not the caller's (any more).
        ThreadLockedError: the thread takes no messages.
        QuotaExceededError: a limit of the user or of the tenant is reached.
    """
    turn_id = ids.new_id(TURN_PREFIX)
    caller, table = context.caller, context.resources.table
    pk = keys.thread_partition(caller.tenant_id, caller.user_id, plan.thread_id)
    # The turn's first item, or where one would stand that is made from now on.
    floor = keys.item_sk(keys.own_place(plan.user_message.id if plan.user_message else turn_id) or "")
    writes, quota_from = await _writes(plan, key, turn_id, pk, floor, context)
    transaction = table.transact(writes)
    try:
        if plan.new_thread is not None:
            await transaction
            context.loaded[plan.thread_id] = plan.new_thread.model_copy(deep=True)
            opening = Opening(plan.new_thread, None, [], complete=True)
        elif plan.opening is not None:
            await transaction
            opening = plan.opening
        else:
            # A reader that fails must not leave a claim behind unseen: both are awaited before either counts.
            claimed, read = await asyncio.gather(
                transaction, read_opening(plan.thread_id, context), return_exceptions=True
            )
            if isinstance(claimed, BaseException):
                raise claimed
            opening = await _settled(read, plan, turn_id, context)
    except ConditionFailedError as error:
        return _refusal(error, writes, quota_from, plan)
    if plan.user_message is not None:
        # Whether the reader saw the message depends on which of the two came first.
        message = plan.user_message
        opening.items = [item for item in opening.items if item.id != message.id] + [message]
    return Claimed(turn_id, floor, opening)


async def _settled(read: Opening | BaseException, plan: Plan, turn_id: str, context: RequestContext) -> Opening:
    """Return what was read beside the claim, or read again where the claim shows it to be too old."""
    if isinstance(read, Opening):
        turn = read.turn
        if turn is None or turn.turn_id == turn_id or not turn.running:
            return read
    # Another turn was still running when the thread was read, and had ended when it was claimed; or the
    # reader failed where the claim succeeded.
    return await read_opening(plan.thread_id, context)


async def _writes(
    plan: Plan, key: IdempotencyKey, turn_id: str, pk: str, floor: str, context: RequestContext
) -> tuple[list[Write], int]:
    """Return the claim's writes, and the index from which they are quotas. The first three are told apart."""
    caller, store = context.caller, ThreadStore(context.resources)
    user = keys.user_partition(caller.tenant_id, caller.user_id)
    writes = [
        Write(
            Key(user, key.sk),
            put=key_row(turn_id, plan.thread_id, key),
            # A key that the client named is good once; one of ours only while its turn runs.
            condition="attribute_not_exists(pk) OR (explicit = :no AND #state <> :running) OR expires_at < :now",
            names={"#state": "state"},
            values={":no": False, ":running": "running", ":now": quotas.seconds()},
        ),
        Write(
            Key(pk, keys.TURN_SK),
            put=running_row(turn_id, key, floor, plan.request.type),
            condition=_NO_TURN,
            names={"#state": "state"},
            values={":running": "running"},
        ),
    ]
    if plan.new_thread is not None:
        writes += store.creation(plan.new_thread, context)
    else:
        writes.append(_thread_write(pk, context))
    for item in (plan.user_message, plan.changed_item):
        if item is not None:
            writes += await store.item_writes(plan.thread_id, item, context)
    writes += plan.writes
    return writes + quotas.claims(context), len(writes)


def _thread_write(pk: str, context: RequestContext) -> Write:
    """Return the write that finds the thread open for messages; with a retention it also lives on."""
    lives = expiry(context.settings.retention_days)
    check = Write(
        Key(pk, keys.META_SK),
        condition=f"{THREAD_EXISTS} AND #status = :active AND (attribute_not_exists(expires_at) OR expires_at > :now)",
        names={"#status": "status"},
        values={":active": "active", ":now": quotas.seconds()},
    )
    if not lives:
        return check
    return replace(
        check,
        update="SET expires_at = :expires_at, #ttl = :ttl",
        names={**check.names, "#ttl": "ttl"},
        values={**check.values, ":expires_at": lives["expires_at"], ":ttl": lives["ttl"]},
    )


def _refusal(error: ConditionFailedError, writes: list[Write], quota_from: int, plan: Plan) -> SameRequest | Busy:
    row = error.row or {}
    if error.index == 0:
        return SameRequest(row["turn_id"], row["thread_id"], row["state"])
    if error.index == 1:
        turn = load_record(row)
        if turn is None:
            raise ThreadNotFoundError("The thread does not exist.")
        return Busy(turn)
    if error.index >= quota_from:
        raise QuotaExceededError(retry_after=quotas.retry_after(writes[error.index].key))
    if error.index == 2:
        _refuse_thread(error.row)
    raise attachment_refusal(error.row)


def _refuse_thread(row: Row | None) -> None:
    if row is None or not is_visible(row):
        raise ThreadNotFoundError("The thread does not exist.")
    raise ThreadLockedError
