"""A turn's way from a request to a handle: claimed and run, joined, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from functools import partial
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
from assistant.aws import MAX_ROUNDS, ConditionFailedError, keys, pause
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import ConflictError, NotFoundError, TurnRunningError
from assistant.threads import RUNNING, CancelReason, IdempotencyKey, TurnRecord, client_thread, load_record
from assistant.threads import idempotency_key as make_key
from assistant.turns.claim import Busy, Claimed, SameRequest, claim
from assistant.turns.follow import FollowedTurn
from assistant.turns.lease import take_over
from assistant.turns.plan import Plan, make_plan
from assistant.turns.runner import TurnRun
from assistant.turns.storage import released_key
from assistant.turns.store import TurnStore
from assistant.turns.waiting import NOT_YET, when_stored

# A turn in another process sees its flag within two seconds; one that has not ended after this is taken over.
CANCEL_PATIENCE_SECONDS = 4.0
CANCEL_POLL_SECONDS = 0.25
# What a client may wait before it sends again into a busy thread.
BUSY_RETRY_SECONDS = 2.0
# ChatKit sends a request whose answer was cut off again, about five times in 25 s. Each is the same request, not the
# same words once more.
RESEND_TIME = timedelta(seconds=30)


if TYPE_CHECKING:
    from assistant.agent import AssistantServer


class TurnHandle(Protocol):
    """A turn that a request has started or joined."""

    turn_id: str
    thread_id: str
    error: BaseException | None

    def events(self) -> AsyncIterator[ThreadStreamEvent]:
        """Follow the turn from its first event to its end."""
        ...

    async def wait(self) -> None:
        """Return when the turn has ended and is stored, as far as it runs in this process."""
        ...


async def start(
    request: StreamingReq, context: RequestContext, *, idempotency_key: str | None, frame_id: str | None
) -> TurnHandle:
    """Start a request's turn, or join the one that the same request has started before.

    Args:
        request: A streaming operation.
        context: Who asks, and until when.
        idempotency_key: The client's `Idempotency-Key`.
        frame_id: ChatKit's `chatkit-frame-instance-id`.

    Raises:
        AssistantError: the turn cannot start; nothing has been stored then.
    """
    key = make_key(idempotency_key, frame_id, request.model_dump_json())
    for round_number in range(MAX_ROUNDS):
        try:
            plan = await make_plan(request, context)
        except (ConflictError, NotFoundError) as error:
            # What it answers has been answered: by this very request, if its key is known.
            same = await _known(key, context)
            # Of a call that was begun nobody tells more than its card: its click is not answered by a dead turn's end.
            handle = None if same is None else await _join(same, key, context, follow_dead=not _is_decision(request))
            if handle is not None:
                return handle
            if isinstance(request, ThreadsCreateReq) or not isinstance(error, NOT_YET):
                raise
            plan = await when_stored(partial(make_plan, request, context), request.params.thread_id, context)
        match await claim(plan, key, context):
            case Claimed() as claimed:
                return _run(plan, claimed, key, context)
            case SameRequest() as same:
                # A question that is open has not been answered by the turn that died over it: this is the answer.
                handle = await _join(same, key, context, follow_dead=plan.decision is None)
                if handle is not None:
                    return handle
            case Busy(turn=turn):
                # The turn that runs may be the answer to what this request answers too: then it comes too late, as the
                # next plan shows, and must not end that turn.
                if not plan.is_answer or turn.turn_id == _seen(plan):
                    await _make_room(turn, plan.thread_id, context)
        await pause(round_number)
    raise TurnRunningError(retry_after=BUSY_RETRY_SECONDS)


def _is_decision(request: StreamingReq) -> bool:
    """Tell whether a request is a click on a card that asks for approval."""
    return isinstance(request, ThreadsCustomActionReq) and request.params.action.type == DECIDE


def _seen(plan: Plan) -> str | None:
    """Return the turn that the thread had when the plan was made."""
    turn = plan.snapshot.turn if plan.snapshot is not None else None
    return None if turn is None else turn.turn_id


async def cancel(context: RequestContext, thread_id: str) -> bool:
    """Stop the caller's running turn in a thread.

    Returns:
        Whether there was one.
    """
    local = context.resources.running.get(context.caller.thread(thread_id))
    if local is not None:
        local.end("stopped")
        await local.wait()
        return True
    turn = await _read_turn(context, thread_id)
    if turn is None or not turn.running:
        return False
    if not turn.alive:
        await take_over(context, thread_id, turn)
        return False
    return await _flag(context, thread_id, turn, "stopped")


async def close(resources: Resources) -> None:
    """End the turns of a process that is shut down: what they have said is stored, and they count as cut off."""
    runs = list(resources.running.values())
    for run in runs:
        run.end("lost")
    await asyncio.gather(*(run.wait() for run in runs))


def _run(plan: Plan, claimed: Claimed, key: IdempotencyKey, context: RequestContext) -> TurnRun:
    run = TurnRun(plan, claimed, key, context, _respond)
    running, place = context.resources.running, context.caller.thread(plan.thread_id)
    running[place] = run
    task = run.start(_first_events(plan, claimed))

    def forget(_: asyncio.Task[None]) -> None:
        if running.get(place) is run:
            del running[place]

    task.add_done_callback(forget)
    return run


def _first_events(plan: Plan, claimed: Claimed) -> list[ThreadStreamEvent]:
    """Return what a client can be told before the agent has been loaded."""
    events: list[ThreadStreamEvent] = []
    if plan.new_thread is not None:
        events.append(ThreadCreatedEvent(thread=client_thread(claimed.snapshot.thread)))
    if plan.user_message is not None:
        events.append(ThreadItemDoneEvent(item=plan.user_message))
    events.append(StreamOptionsEvent(stream_options=StreamOptions(allow_cancel=True)))
    if plan.changed_item is not None:
        events.append(ThreadItemReplacedEvent(item=plan.changed_item))
    # A client that retries has taken away all that stood behind the message.
    events += [ThreadItemDoneEvent(item=item) for item in plan.kept]
    return events


async def _respond(
    plan: Plan, thread: ThreadMetadata, store: TurnStore, context: RequestContext
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Let the server answer. Load it in a thread, so that the first events are sent meanwhile."""
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


def _server() -> type[AssistantServer]:
    """Load the server, and the agents SDK with it."""
    from assistant.agent import AssistantServer

    return AssistantServer


async def _known(key: IdempotencyKey, context: RequestContext) -> SameRequest | None:
    user = context.caller.partition
    row = await context.resources.table.get(Key(user, key.sk))
    return None if row is None else SameRequest(row["turn_id"], row["thread_id"], row["body"])


async def _join(
    same: SameRequest, key: IdempotencyKey, context: RequestContext, *, follow_dead: bool = True
) -> TurnHandle | None:
    """Return the turn of the same request; None if it is over and the request is to be a new turn.

    Args:
        same: What its key stands for.
        key: The key.
        context: The request.
        follow_dead: Whether a turn that has just been cut off counts.

    Raises:
        ConflictError: the client has used its key for another request.
        NotFoundError: the key's turn went with its thread.
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
    # Its turn is over and has left the key: its process died, or its thread was deleted.
    user = context.caller.partition
    with suppress(ConditionFailedError):  # Someone else has claimed it anew.
        await context.resources.table.transact([released_key(Key(user, key.sk), same.turn_id)])
    return None


async def _has_just_died(same: SameRequest, context: RequestContext) -> bool:
    """Tell whether a turn has been cut off so lately that the same request is still that one, sent again."""
    caller = context.caller
    pk = caller.thread(same.thread_id).partition
    story = await context.resources.table.get(Key(pk, keys.story_sk(same.turn_id)))
    if story is None or story["outcome"] != "lost":
        return False
    return clock.now() - datetime.fromisoformat(story["ended_at"]) < RESEND_TIME


async def _make_room(turn: TurnRecord, thread_id: str, context: RequestContext) -> None:
    """End the turn that holds the thread, so that a new message can be answered; or refuse the message.

    Raises:
        TurnRunningError: the deployment rejects a message while an answer is being written.
    """
    if not turn.running:
        return  # It came and went since the plan was made; the next plan knows what it did.
    if not turn.alive:
        await take_over(context, thread_id, turn)
        return
    if context.settings.on_busy == "reject":
        raise TurnRunningError(retry_after=BUSY_RETRY_SECONDS)
    local = context.resources.running.get(context.caller.thread(thread_id))
    if local is not None and local.turn_id == turn.turn_id:
        local.end("interrupted")
        await local.wait()
        return
    await _flag(context, thread_id, turn, "interrupted")
    loop = asyncio.get_running_loop()
    patience = loop.time() + CANCEL_PATIENCE_SECONDS
    while loop.time() < patience:
        await asyncio.sleep(CANCEL_POLL_SECONDS)
        current = await _read_turn(context, thread_id)
        if current is None or current.turn_id != turn.turn_id or not current.running:
            return
        turn = current
    await take_over(context, thread_id, turn, "interrupted")


async def _flag(context: RequestContext, thread_id: str, turn: TurnRecord, reason: CancelReason) -> bool:
    """Ask a turn in another process to end. Return whether it still ran."""
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
