"""Claim a turn: one transaction takes the idempotency key, the thread and the quota, and stores the message.

Only the process whose transaction succeeds runs the turn. In any other process a condition of the transaction fails.
That condition tells the reason: the same request is running or has run, or the thread is busy, locked or gone.
"""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass, replace

from assistant import ids
from assistant.aws import ConditionFailedError, Row, Table, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import PersonAnswersError, StoreUnavailableError, ThreadLockedError
from assistant.files import refusal as attachment_refusal
from assistant.quotas import TurnClaim, TurnShare, estimate, notice, seconds
from assistant.threads import (
    NOBODY_ANSWERS,
    RUNNING,
    SOMEBODY_ANSWERS,
    THREAD_EXISTS,
    IdempotencyKey,
    ThreadNotFoundError,
    ThreadSnapshot,
    ThreadStore,
    TurnRecord,
    is_visible,
    key_row,
    load_record,
    prolong_writes,
    read_snapshot,
    running_row,
    thread_place,
    thread_store,
)
from assistant.turns import early_cancel
from assistant.turns.lease import take_over
from assistant.turns.plan import Plan
from assistant.turns.storage import runs

TURN_PREFIX = "turn"

# The writes of the turn and of its thread in the transaction; the write of the key comes first.
_TURN_WRITE, _THREAD_WRITE = 1, 2
_NO_TURN = "(attribute_not_exists(turn_id) OR #state <> :running)"
# Rows of earlier releases have no `last`.
_PLACE_IS_NEWEST = "(attribute_not_exists(floor) OR floor < :floor) AND (attribute_not_exists(#last) OR #last < :floor)"


# A full shard of the tenant sends the claim to a shard with room, which other claims may fill in between.
QUOTA_ATTEMPTS = 3


@dataclass(frozen=True)
class Claimed:
    """This process runs the turn.

    Attributes:
        turn_id: The turn.
        floor: The sort key of its first item.
        snapshot: The thread.
        cancelled: Whether the client has stopped the turn before this claim.
        share: What the turn has taken of the limits.
        notice: What to tell the user about the limits.
    """

    turn_id: str
    floor: str
    snapshot: ThreadSnapshot
    cancelled: bool
    share: TurnShare
    notice: str | None = None


@dataclass(frozen=True)
class SameRequest:
    """An earlier request with this key has claimed a turn, which runs, or has ended under an explicit key.

    Attributes:
        turn_id: The turn that answers the earlier request.
        thread_id: The turn's thread.
        body: A digest of the earlier request.
    """

    turn_id: str
    thread_id: str
    body: str


@dataclass(frozen=True)
class Busy:
    """Another turn runs in the thread, or has changed the thread since the plan was made."""

    turn: TurnRecord


@dataclass(frozen=True)
class PersonChanged:
    """A person has taken the thread over, or handed it back, since the plan was made."""


async def claim(
    plan: Plan, key: IdempotencyKey, context: RequestContext
) -> Claimed | SameRequest | Busy | PersonChanged:
    """Try to claim a turn, and read the thread at the same time.

    Raises:
        NotFoundError: the thread, or an attachment, does not belong to the caller, or is deleted.
        ThreadLockedError: the thread accepts no messages.
        PersonAnswersError: a person answers in the thread, and the request is no message.
        QuotaExceededError: a limit of the user or of the tenant is reached.
        LimitsChangedError: the user's record of limits has changed; plan and claim again.
        ConflictError: another turn has decided, or is deciding, this call or another call of its run.
    """
    turn_id = ids.new_id(TURN_PREFIX)
    caller, table, store = context.caller, context.resources.table, thread_store(context.resources)
    pk = caller.thread(plan.thread_id).partition
    # The sort key of the turn's first item, or of an item with an id that is made now.
    floor = keys.item_sk(keys.own_place(plan.user_message.id if plan.user_message else turn_id) or "")
    writes = await _writes(plan, key, turn_id, pk, floor, store, context)
    estimated = estimate(
        plan.user_message or plan.retry_of, new_thread=plan.new_thread is not None, settings=context.settings
    )
    quota = TurnClaim(turn_id, plan.thread_id, estimated, context)
    transaction = _commit(table, writes, turn_id, quota, context)
    # Read beside the transaction.
    noticing = asyncio.create_task(notice(context))
    try:
        if plan.new_thread is not None:
            cancelled = await transaction
            store.note_created(plan.new_thread, writes[_THREAD_WRITE:], context)
            snapshot = ThreadSnapshot(plan.new_thread, None, [], complete=True)
        elif plan.snapshot is not None:
            cancelled = await transaction
            snapshot = plan.snapshot
        else:
            # Await both before raising: if the read fails, the claim may still have succeeded.
            claimed, read = await asyncio.gather(
                transaction, read_snapshot(plan.thread_id, context), return_exceptions=True
            )
            if isinstance(claimed, BaseException):
                raise claimed
            cancelled = claimed
            snapshot = await _settled(read, plan, turn_id, context)
    except ConditionFailedError as error:
        return _refusal(error, [*writes, *quota.writes()], len(writes), quota, plan)
    if plan.decision is not None:
        plan.decision.log()
    if plan.user_message is not None:
        # The read may have run before or after the claim stored the message.
        message = plan.user_message
        snapshot.items = [item for item in snapshot.items if item.id != message.id] + [message]
    told = await noticing
    return Claimed(turn_id, floor, snapshot, cancelled, quota.share(noticed=told is not None), told)


async def _commit(table: Table, writes: list[Write], turn_id: str, quota: TurnClaim, context: RequestContext) -> bool:
    """Apply the claim. If the response is lost, ask the table whether the claim succeeded.

    Returns:
        Whether the client has stopped the turn before this claim.
    """
    cancelled = False
    attempt = 0
    end_dead = functools.partial(take_over, context)
    while True:
        attempt += 1
        try:
            counted = quota.writes()
            await table.transact([*_settling(writes, quota), *counted])
        except ConditionFailedError as error:
            # boto3 may send a write twice. The second attempt then meets the row of the first.
            if (error.row or {}).get("turn_id") == turn_id:
                return cancelled
            stopped = early_cancel.accepted(error, writes) if error.index == 0 else None
            if stopped is not None:
                cancelled, writes = True, stopped
                continue
            refused = [(index - len(writes), row) for index, row in [(error.index, error.row), *error.others]]
            if refused[0][0] < 0 or attempt >= QUOTA_ATTEMPTS:
                raise
            if not await quota.again([(counted[position].key, row) for position, row in refused], end_dead):
                raise
        except StoreUnavailableError:
            if not await runs(table, writes[_TURN_WRITE].key, turn_id):
                raise
            return cancelled
        else:
            return cancelled


def _settling(writes: list[Write], quota: TurnClaim) -> list[Write]:
    """Return the writes. The turn's row holds what gives its reservation back, in case its process dies."""
    turn = writes[_TURN_WRITE]
    turn = replace(turn, put={**(turn.put or {}), "settlement": quota.settlement()})
    return [*writes[:_TURN_WRITE], turn, *writes[_TURN_WRITE + 1 :]]


async def _settled(
    read: ThreadSnapshot | BaseException, plan: Plan, turn_id: str, context: RequestContext
) -> ThreadSnapshot:
    """Return the snapshot that was read beside the claim, or read again if that snapshot is too old."""
    if isinstance(read, ThreadSnapshot):
        turn = read.turn
        if turn is None or turn.turn_id == turn_id or not turn.running:
            return read
    # Either the read saw another turn that ended before the claim, or the read failed.
    return await read_snapshot(plan.thread_id, context)


async def _writes(
    plan: Plan, key: IdempotencyKey, turn_id: str, pk: str, floor: str, store: ThreadStore, context: RequestContext
) -> list[Write]:
    """Return the claim's writes without those of the quota."""
    user = context.caller.partition
    row = running_row(turn_id, floor, plan.request.type, plan.changed, plan.failed_attempts, plan.retried_sk)
    writes = [
        Write(
            Key(user, key.sk),
            put=key_row(turn_id, plan.thread_id, key),
            # The end of a turn deletes a derived key. A client's own key stays until it expires.
            condition="attribute_not_exists(pk) OR expires_at < :now",
            values={":now": seconds()},
        ),
        _turn_write(Key(pk, keys.TURN_SK), row, plan),
    ]
    if plan.new_thread is not None:
        writes += store.creation(plan.new_thread, context)
    else:
        writes += await _thread_writes(plan, user, context)
    if plan.user_message is not None:
        writes += await store.item_writes(plan.thread_id, plan.user_message, context)
    if plan.changed_item is not None:
        writes += await store.upsert_writes(plan.thread_id, plan.changed_item, context)
    if plan.decision is not None:
        writes += plan.decision.claim(turn_id, context)
    writes += plan.writes
    if plan.new_thread is not None and key.frame_sk is not None:
        # A client that does not know its new thread yet may cancel by its frame.
        writes.append(Write(Key(user, key.frame_sk), put=key_row(turn_id, plan.thread_id, key)))
    return writes


def _turn_write(key: Key, row: Row, plan: Plan) -> Write:
    """Return the write that takes the thread, on condition that no turn runs there and the plan is not outdated."""
    condition, values = _NO_TURN, {":running": RUNNING}
    if plan.snapshot is not None:
        if plan.snapshot.turn is None:
            condition = "attribute_not_exists(turn_id)"
            values = {}
        else:
            # If the turn that the plan has seen ends in between, that turn may have removed items which the plan uses.
            condition = "turn_id = :seen AND #state = :as_seen AND #state <> :running"
            values |= {":seen": plan.snapshot.turn.turn_id, ":as_seen": plan.snapshot.turn.state}
    names = {"#last": "last", **({"#state": "state"} if values else {})}
    # The claims decide the order of a thread: no turn may get a place before the turn that was claimed before it.
    return Write(
        key,
        put=row,
        condition=f"{condition} AND {_PLACE_IS_NEWEST}",
        names=names,
        values={**values, ":floor": row["floor"]},
    )


async def _thread_writes(plan: Plan, user: str, context: RequestContext) -> list[Write]:
    """Return the writes that check that the thread accepts messages, and that extend its retention, if there is one.

    They also check who answers. So no agent runs in a thread that a person has taken over at the same moment.
    """
    place = None
    if context.settings.retention_days:
        place = await thread_place(context.resources.table, user, plan.thread_id)
    who = SOMEBODY_ANSWERS if plan.handled else NOBODY_ANSWERS
    return prolong_writes(
        context,
        plan.thread_id,
        place,
        f"{THREAD_EXISTS} AND #status = :active AND {who} AND (attribute_not_exists(expires_at) OR expires_at > :now)",
        {"#status": "status", "#person": "person"},
        {":active": "active", ":now": seconds(), ":answering": "answering"},
    )


def _refusal(
    error: ConditionFailedError, writes: list[Write], quota_from: int, quota: TurnClaim, plan: Plan
) -> SameRequest | Busy | PersonChanged:
    row = error.row or {}
    if error.index == 0:
        return SameRequest(row["turn_id"], row["thread_id"], row["body"])
    # Check the refusals first. A request that is refused anyway must not end the running turn.
    failed = [(error.index, error.row), *error.others]
    busy = error.index == _TURN_WRITE
    for index, old in failed:
        if index >= quota_from:
            refusal = quota.refusal(writes[index].key, old, busy=busy)
            if refusal is not None:
                raise refusal
            continue
        if index == _THREAD_WRITE:
            _refuse_thread(old, plan)
            return PersonChanged()
        if index > _THREAD_WRITE:
            raise plan.decision.refusal(old) if plan.decision is not None else attachment_refusal(old)
    turn = load_record(row)
    if turn is None:
        raise ThreadNotFoundError(plan.thread_id)
    # Another process may have a faster clock. The ids of the next plan sort after that turn.
    keys.advance_ids(turn.floor)
    keys.advance_ids(turn.last)
    return Busy(turn)


def _refuse_thread(row: Row | None, plan: Plan) -> None:
    """Raise the reason why a thread takes no message; return if only the answering person has changed."""
    if row is None or not is_visible(row):
        raise ThreadNotFoundError(plan.thread_id)
    if row["status"] != "active" or (row.get("person") == "answering") is plan.handled:
        raise ThreadLockedError
    if not plan.handled and not plan.is_message:
        raise PersonAnswersError
