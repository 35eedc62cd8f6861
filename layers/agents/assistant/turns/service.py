"""Start, join, cancel and close turns.

If a message arrives while a turn runs in its thread, this module decides by `ON_BUSY`: it interrupts the running turn,
or refuses the message.
"""

from __future__ import annotations

import asyncio
import functools
import gc
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from chatkit.types import (
    StreamingReq,
    StreamOptions,
    StreamOptionsEvent,
    ThreadCreatedEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadsCreateReq,
    ThreadsCustomActionReq,
    ThreadStreamEvent,
)

from assistant import clock
from assistant.approvals import DECIDE
from assistant.aws import MAX_ROUNDS, ConditionFailedError, Row, keys, pause
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources, RunningTurn
from assistant.errors import ConflictError, NotFoundError, ProcessBusyError, TurnRunningError
from assistant.threads import (
    RUNNING,
    CancelReason,
    IdempotencyKey,
    TurnRecord,
    client_thread,
    explicit_key_sk,
    frame_key_sk,
    load_record,
)
from assistant.threads import idempotency_key as make_key
from assistant.turns import early_cancel
from assistant.turns.claim import Busy, Claimed, SameRequest, claim
from assistant.turns.follow import FollowedTurn
from assistant.turns.lease import take_over
from assistant.turns.plan import Plan, make_plan
from assistant.turns.runner import TurnRun
from assistant.turns.storage import released_key
from assistant.turns.store import TurnStore
from assistant.turns.waiting import NOT_STORED_YET, when_stored
from assistant.turns.watchdog import watch_loop

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
# `Retry-After` of a request for a busy thread.
BUSY_RETRY_SECONDS = 2.0
# When an answer breaks off, ChatKit sends the request again, about five times in 25 s. Within this time an equal
# request counts as a resend, not as a new message with the same words.
RESEND_TIME = timedelta(seconds=30)


if TYPE_CHECKING:
    from assistant.agent import AssistantServer


class TurnHandle(Protocol):
    """A turn that a request has started or joined."""

    turn_id: str
    thread_id: str
    error: BaseException | None

    def events(self) -> AsyncIterator[ThreadStreamEvent]:
        """Return all events of the turn, from the first to the last."""
        ...

    async def wait(self) -> None:
        """Wait until the turn has ended and its end is stored. Return at once if it runs in another process."""
        ...


async def start(
    request: StreamingReq, context: RequestContext, *, idempotency_key: str | None, frame_id: str | None
) -> TurnHandle:
    """Start a turn for a request, or join the turn that the same request has started before.

    Args:
        request: A streaming operation.
        context: The request's context, with its deadline.
        idempotency_key: The client's `Idempotency-Key`.
        frame_id: ChatKit's `chatkit-frame-instance-id`.

    Raises:
        AssistantError: the turn cannot start, and nothing is stored.
    """
    if isinstance(request, ThreadsCreateReq):
        return await _start(request, context, idempotency_key, frame_id)
    starting, thread = context.resources.starting, context.caller.thread(request.params.thread_id)
    starting[thread] += 1
    try:
        return await _start(request, context, idempotency_key, frame_id)
    finally:
        starting -= Counter([thread])


async def _start(
    request: StreamingReq, context: RequestContext, idempotency_key: str | None, frame_id: str | None
) -> TurnHandle:
    key = make_key(idempotency_key, frame_id, request.model_dump_json())
    for round_number in range(MAX_ROUNDS):
        try:
            plan = await make_plan(request, context)
        except (ConflictError, NotFoundError) as error:
            # Perhaps an earlier attempt of this very request has answered the question.
            same = await _known(key, context)
            # For a click on an approval card, the card tells the state. Do not replay the end of a lost turn.
            handle = None if same is None else await _join(same, key, context, follow_dead=not _is_decision(request))
            if handle is not None:
                return handle
            if isinstance(request, ThreadsCreateReq) or not isinstance(error, NOT_STORED_YET):
                raise
            plan = await when_stored(functools.partial(make_plan, request, context), request.params.thread_id, context)
        match await _claim(plan, key, context):
            case TurnRun() as run:
                return run
            case SameRequest() as same:
                # A lost turn has not answered an approval that is still open. This click answers it.
                handle = await _join(same, key, context, follow_dead=plan.decision is None)
                if handle is not None:
                    return handle
            case Busy(turn=turn):
                # The running turn may answer the same question. Then this request is too late and must not end that
                # turn; the next plan finds that out.
                if not plan.is_answer or turn.turn_id == _seen(plan):
                    await _end_running_turn(turn, plan.thread_id, context)
        await pause(round_number)
    raise TurnRunningError(retry_after=BUSY_RETRY_SECONDS)


async def _claim(plan: Plan, key: IdempotencyKey, context: RequestContext) -> TurnRun | SameRequest | Busy:
    """Claim a turn and run it. A process that runs as many turns as it may still lets a request join its own turn.

    Raises:
        ProcessBusyError: this process runs as many turns as `MAX_TURNS_PER_PROCESS` allows.
    """
    resources = context.resources
    if len(resources.running) + resources.claiming >= context.settings.max_turns_per_process:
        same = await _known(key, context)
        if same is not None:
            return same
        raise ProcessBusyError(retry_after=BUSY_RETRY_SECONDS, fix="the process runs MAX_TURNS_PER_PROCESS turns")
    resources.claiming += 1
    try:
        claimed = await claim(plan, key, context)
        return _run(plan, claimed, key, context) if isinstance(claimed, Claimed) else claimed
    finally:
        resources.claiming -= 1


def _is_decision(request: StreamingReq) -> bool:
    """Tell whether a request is a click on a card that asks for approval."""
    return isinstance(request, ThreadsCustomActionReq) and request.params.action.type == DECIDE


def _seen(plan: Plan) -> str | None:
    """Return the turn that the thread had when the plan was made."""
    turn = plan.snapshot.turn if plan.snapshot is not None else None
    return None if turn is None else turn.turn_id


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
    turn = await _read_turn(context, thread_id)
    if turn is None or not turn.running or turn_id not in (None, turn.turn_id):
        return False
    if not turn.alive:
        await take_over(context, thread_id, turn)
        return False
    return await _flag(context, thread_id, turn, "stopped")


async def _local(thread_id: str, context: RequestContext) -> RunningTurn | None:
    """Return the turn that runs in this process. A turn that is starting has a claim, but does not run yet."""
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

    Wait for the claim up to `CLAIM_WAIT_SECONDS`. The row is None if the claim does not come in this time.

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
    while not early_cancel.is_claimed(row):
        if loop.time() >= deadline:
            return None, early
        await asyncio.sleep(CANCEL_POLL_SECONDS)
        row = await table.get(key)
    return row, early


async def close(resources: Resources) -> None:
    """End all turns of this process before it shuts down. Their partial answers are stored, with outcome `lost`."""
    runs = list(resources.running.values())
    for run in runs:
        run.request_end("lost")
    await asyncio.gather(*(run.wait() for run in runs))


def _run(plan: Plan, claimed: Claimed, key: IdempotencyKey, context: RequestContext) -> TurnRun:
    run = TurnRun(plan, claimed, key, context, _respond)
    running, place = context.resources.running, context.caller.thread(plan.thread_id)
    running[place] = run
    if claimed.cancelled:
        run.request_end("stopped")
    task = run.start(_first_events(plan, claimed))

    def forget(_: asyncio.Task[None]) -> None:
        if running.get(place) is run:
            del running[place]

    task.add_done_callback(forget)
    watch_loop(context.resources)
    return run


def _first_events(plan: Plan, claimed: Claimed) -> list[ThreadStreamEvent]:
    """Return the events that can be sent before the agent is loaded."""
    events: list[ThreadStreamEvent] = []
    if plan.new_thread is not None:
        events.append(ThreadCreatedEvent(thread=client_thread(claimed.snapshot.thread)))
    if plan.user_message is not None:
        events.append(ThreadItemDoneEvent(item=plan.user_message))
    events.append(StreamOptionsEvent(stream_options=StreamOptions(allow_cancel=True)))
    if plan.changed_item is not None:
        events.append(ThreadItemReplacedEvent(item=plan.changed_item))
    # A client that retries has removed all items after the message.
    events += [ThreadItemDoneEvent(item=item) for item in plan.approved_cards]
    return events


async def _respond(
    plan: Plan, thread: ThreadMetadata, store: TurnStore, context: RequestContext
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Stream the server's answer. Load the server in a thread, so that the first events are sent meanwhile."""
    build_server = await asyncio.to_thread(_server)
    server = build_server(store, context)
    answer = server.answer(
        thread,
        context,
        message=plan.user_message or plan.retry_of,
        changed_item=plan.changed_item,
        decision=plan.decision,
        action=plan.request.params.action if isinstance(plan.request, ThreadsCustomActionReq) else None,
        sender=plan.sender,
    )
    async with aclosing(answer) as events:
        async for event in events:
            yield event


@functools.cache
def _server() -> type[AssistantServer]:
    """Load the server, and the agents SDK with it."""
    from assistant.agent import AssistantServer

    # The SDK's objects stay for the life of the process. Without this, each full garbage collection visits all of
    # them and blocks the event loop for about 0.2 s.
    gc.freeze()
    return AssistantServer


async def _known(key: IdempotencyKey, context: RequestContext) -> SameRequest | None:
    user = context.caller.partition
    row = await context.resources.table.get(Key(user, key.sk))
    if row is None or not early_cancel.is_claimed(row):
        return None
    return SameRequest(row["turn_id"], row["thread_id"], row["body"])


async def _join(
    same: SameRequest, key: IdempotencyKey, context: RequestContext, *, follow_dead: bool = True
) -> TurnHandle | None:
    """Return the turn of the same request; None if that turn has ended and the request must start a new turn.

    Args:
        same: The earlier request with this key.
        key: The key.
        context: The request's context.
        follow_dead: Whether to join a turn that was cut off a moment ago.

    Raises:
        ConflictError: the client has used its key for another request.
        NotFoundError: the turn's thread is deleted.
    """
    if same.body != key.body:
        raise ConflictError("This Idempotency-Key belongs to another request.")
    local = context.resources.running.get(context.caller.thread(same.thread_id))
    if local is not None and local.turn_id == same.turn_id:
        return local
    turn = await _read_turn(context, same.thread_id)
    if turn is not None and turn.turn_id == same.turn_id and turn.running and not turn.alive:
        await take_over(context, same.thread_id, turn)
        turn = await _read_turn(context, same.thread_id)
    running = turn is not None and turn.turn_id == same.turn_id and turn.running
    newest = turn is not None and turn.turn_id == same.turn_id
    if key.explicit or running or (newest and follow_dead and await _has_just_died(same, context)):
        followed = FollowedTurn(context, same.thread_id, same.turn_id)
        await followed.prepare()
        return followed
    # The turn has ended without deleting its key: its process died, or its thread was deleted.
    user = context.caller.partition
    with suppress(ConditionFailedError):  # Another request has claimed the key.
        await context.resources.table.transact([released_key(Key(user, key.sk), same.turn_id)])
    return None


async def _has_just_died(same: SameRequest, context: RequestContext) -> bool:
    """Tell whether a turn was cut off so recently that the same request counts as a resend."""
    caller = context.caller
    pk = caller.thread(same.thread_id).partition
    story = await context.resources.table.get(Key(pk, keys.story_sk(same.turn_id)))
    if story is None or story["outcome"] != "lost":
        return False
    return clock.now() - datetime.fromisoformat(story["ended_at"]) < RESEND_TIME


async def _end_running_turn(turn: TurnRecord, thread_id: str, context: RequestContext) -> None:
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
        current = await _read_turn(context, thread_id)
        if current is None or current.turn_id != turn.turn_id or not current.running:
            return
        turn = current
    # The turn's process may still be renewing its lease, which makes a takeover fail.
    for _ in range(TAKEOVER_ATTEMPTS):
        if await take_over(context, thread_id, turn, reason):
            return
        current = await _read_turn(context, thread_id)
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


async def _read_turn(context: RequestContext, thread_id: str) -> TurnRecord | None:
    caller = context.caller
    return load_record(await context.resources.table.get(caller.thread(thread_id).turn_key))
