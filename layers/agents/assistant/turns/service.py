"""Start, join and close turns."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from typing import Protocol

from chatkit.types import (
    NoticeEvent,
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

from assistant import clock, quotas
from assistant.approvals import DECIDE
from assistant.aws import MAX_ROUNDS, ConditionFailedError, keys, pause
from assistant.aws.keys import Key
from assistant.collection import collect_in_short_steps
from assistant.context import RequestContext, Resources
from assistant.errors import ConflictError, LimitsChangedError, NotFoundError, ProcessBusyError, TurnRunningError
from assistant.texts import in_language
from assistant.threads import IdempotencyKey, client_thread, is_title_of
from assistant.threads import idempotency_key as make_key
from assistant.turns import early_cancel
from assistant.turns.after import ended
from assistant.turns.claim import Busy, Claimed, PersonChanged, SameRequest, claim
from assistant.turns.follow import FollowedTurn, JoinedTurn
from assistant.turns.lease import take_over
from assistant.turns.loading import load_server
from assistant.turns.plan import Plan, make_plan
from assistant.turns.runner import TurnRun
from assistant.turns.stop import BUSY_RETRY_SECONDS, interrupt, read_turn
from assistant.turns.storage import released_key
from assistant.turns.store import TurnStore
from assistant.turns.traced import traced
from assistant.turns.waiting import NOT_STORED_YET, when_stored
from assistant.turns.watchdog import watch_loop

# When an answer breaks off, ChatKit sends the request again, about five times in 25 s. Within this time after the
# turn's end, or its lease's, an equal request counts as a resend, not as a new message with the same words.
RESEND_TIME = timedelta(seconds=30)


_PERSON_ANSWERS = "A person is answering here. Your message has been passed on."


class TurnHandle(Protocol):
    """A turn that a request has started or joined."""

    turn_id: str
    thread_id: str

    @property
    def error(self) -> BaseException | None:
        """The failure that ended the turn, if any."""
        ...

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
    async with traced(request, context):
        return await _counted_start(request, context, idempotency_key, frame_id)


async def _counted_start(
    request: StreamingReq, context: RequestContext, idempotency_key: str | None, frame_id: str | None
) -> TurnHandle:
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
    await quotas.load_records(context)
    quotas.check_running(context)
    handled = False
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
        plan.handled = handled
        try:
            claimed = await _claim(plan, key, context)
        except LimitsChangedError:
            continue
        match claimed:
            case TurnRun() as run:
                return run
            case SameRequest() as same:
                # A lost turn has not answered an approval that is still open. This click answers it.
                handle = await _join(same, key, context, follow_dead=plan.decision is None)
                if handle is not None:
                    return handle
            case PersonChanged():
                handled = not handled
            case Busy(turn=turn):
                # The running turn may answer the same question. Then this request is too late and must not end that
                # turn; the next plan finds that out.
                if not plan.is_answer or turn.turn_id == _seen(plan):
                    await interrupt(turn, plan.thread_id, context)
        await pause(round_number)
    raise TurnRunningError(retry_after=BUSY_RETRY_SECONDS)


async def _claim(
    plan: Plan, key: IdempotencyKey, context: RequestContext
) -> TurnRun | SameRequest | Busy | PersonChanged:
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


async def close(resources: Resources) -> None:
    """End all turns of this process before it shuts down. Their partial answers are stored, with outcome `lost`."""
    runs = list(resources.running.values())
    for run in runs:
        run.request_end("lost")
    await asyncio.gather(*(run.wait() for run in runs))
    await ended(resources)


def _run(plan: Plan, claimed: Claimed, key: IdempotencyKey, context: RequestContext) -> TurnRun:
    run = TurnRun(plan, claimed, key, context, _respond)
    running, place = context.resources.running, context.caller.thread(plan.thread_id)
    running[place] = run
    if len(running) > 1:
        collect_in_short_steps()
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
    if claimed.notice is not None:
        events.append(NoticeEvent(level="warning", message=claimed.notice))
    if plan.changed_item is not None:
        events.append(ThreadItemReplacedEvent(item=plan.changed_item))
    # A client that retries has removed all items after the message.
    events += [ThreadItemDoneEvent(item=item) for item in plan.approved_cards]
    return events


async def _respond(
    plan: Plan, thread: ThreadMetadata, store: TurnStore, context: RequestContext
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Stream the server's answer. Load the server in a thread, so that the first events are sent meanwhile.

    If a person answers in the thread, no agent runs, and the user reads that.
    """
    if plan.handled:
        yield NoticeEvent(level="info", message=in_language(_PERSON_ANSWERS, context.language))
        return
    context.rewrites_title = plan.edited is not None and is_title_of(thread, plan.edited.id)
    build_server = await asyncio.to_thread(load_server, context.settings)
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
        return JoinedTurn(local, context)
    turn = await read_turn(context, same.thread_id)
    if turn is not None and turn.turn_id == same.turn_id and turn.running and not turn.alive:
        await take_over(context, same.thread_id, turn)
        turn = await read_turn(context, same.thread_id)
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
