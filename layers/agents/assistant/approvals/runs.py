"""Tool calls that a user must approve: the run is stored, a card asks, and the answer resumes the run.

Any process can resume a run, also days later. The stored run is the Agents SDK's `RunState` in the thread's
partition: it is deleted with the thread, and no other caller can reach it. The resumed run uses the caller of the
resuming request, so the tools check that caller's permissions again.

A call is made at most once; `decisions` lists the states. Before the call, `begin` stores that the call starts, with
a card that says so. A call that has started is never started again. Its result is stored together with the card
"Approved".
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from agents import (
    Agent,
    RunContextWrapper,
    RunResultStreaming,
    RunState,
    Usage,
    UserError,
)
from agents.version import __version__ as sdk_version
from chatkit.agents import AgentContext
from chatkit.types import HiddenContextItem, ThreadItemDoneEvent, ThreadItemReplacedEvent, ThreadStreamEvent, WidgetItem

from assistant import clock
from assistant.approvals import cards
from assistant.approvals.cited import restored, with_cited
from assistant.approvals.decisions import AnsweredError, HeldDecision, answers_of, run_key
from assistant.approvals.waiting import Waiting, state_of, waiting_calls
from assistant.aws import ConditionFailedError, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import AssistantError, ConflictError
from assistant.ids import new_id, uuid7
from assistant.threads import (
    FLAG_POLL_SECONDS,
    MAX_INLINE_BYTES,
    THREAD_EXISTS,
    Offload,
    kept_calls,
    load_record,
    object_expiry,
    object_removals,
    pack,
    put_object,
    thread_store,
    turn_fence,
    unpack,
)

SCHEMA_VERSION = 2
# After this time a user no longer remembers the question.
HELD_FOR = timedelta(days=30)

_REJECTED = "The user did not approve this call. Accept that, and do not call the tool again unless asked to."
_UNKNOWN = (
    "The user approved this call and it was begun, but its outcome is not known: it may have been carried out. "
    "Tell the user so, and do not call the tool again before that is checked."
)


class HeldRunUnreadableError(ConflictError):
    """An earlier release stored the run in a format that this release cannot read."""

    code = "held_run_unreadable"
    retryable = False
    default_message = (
        "This was asked by an earlier version of the assistant, which cannot be continued. Please ask again."
    )


@dataclass(frozen=True)
class Resumption:
    """A stored run that is being resumed.

    Attributes:
        held: The decision that resumes the run.
        state: The state that the SDK's runner takes as input; None if a workflow waits itself.
    """

    held: HeldDecision
    state: RunState[Any, Agent[Any]] | None = None

    def needed_state(self) -> RunState[Any, Agent[Any]]:
        """Return the state.

        Raises:
            HeldRunUnreadableError: there is none.
        """
        if self.state is None:
            raise HeldRunUnreadableError
        return self.state

    def answered(self) -> WidgetItem | None:
        """Return the card of an approved call whose result is kept; None for a rejection."""
        return cards.answered(self.held.card, "approved") if self.held.decision.approve else None

    def answered_by(self, round_of_calls: HiddenContextItem) -> WidgetItem | None:
        """Return the card to store with these calls and results; None if the decided call is not among them."""
        return self.answered() if self.held.decision.call_id in kept_calls([round_of_calls]) else None


async def hold(
    result: RunResultStreaming, context: AgentContext[RequestContext], resumed: Resumption | None = None
) -> AsyncIterator[ThreadStreamEvent]:
    """Store a run that has stopped for approval, and show a card for each waiting call.

    Call this at the end of every run. If no call waits, delete the stored run that was resumed.

    Args:
        result: The run, streamed to its end.
        context: The run's context.
        resumed: The stored run that was resumed, if any.
    """
    waiting = waiting_calls(result, context)
    if not waiting:
        await finish(resumed, context)
        return
    async for event in ask(waiting, state_of(result), context, resumed):
        yield event


async def ask(
    waiting: Sequence[Waiting],
    state: dict[str, Any],
    context: AgentContext[RequestContext],
    resumed: Resumption | None = None,
) -> AsyncIterator[ThreadStreamEvent]:
    """Store what waits for approval, and show a card for each call that has none.

    Args:
        waiting: The calls, at least one.
        state: What to store, as JSON.
        context: The turn's context.
        resumed: The stored run that was resumed, if any.
    """
    run_id = resumed.held.decision.run_id if resumed else new_id("run")
    known = resumed.held.row.get("cards", {}) if resumed else {}
    asked = resumed.held.row["waiting"] if resumed else []
    shown = {each.call_id: _card(each, run_id, context) for each in waiting if each.call_id not in asked}
    cards = {call_id: card.id for call_id, card in shown.items()}
    tools = {each.call_id: each.name for each in waiting}
    cards |= {call_id: known[call_id] for call_id in tools if call_id in known}
    await _save(run_id, state, tools, cards, resumed, context)
    for card in shown.values():
        yield ThreadItemDoneEvent(item=card)
    # The run that was just stored contains the result of the approved call.
    if resumed is not None and (answered := resumed.answered()) is not None:
        yield ThreadItemReplacedEvent(item=answered)


async def finish(resumed: Resumption | None, context: AgentContext[RequestContext]) -> None:
    """Delete the stored run that was resumed, if any: it waits for nothing more."""
    if resumed is None:
        return
    with suppress(ConditionFailedError):  # Another process has ended this turn, and another turn owns the run.
        await context.request_context.resources.table.transact(
            [_ours(resumed.held, context, delete=True), *object_removals(resumed.held.row)]
        )


async def load(agent: Agent[Any], held: HeldDecision, context: AgentContext[RequestContext]) -> Resumption:
    """Load the run that a decision resumes.

    Args:
        agent: The first agent of every turn, built in the same way as when the run was stored.
        held: The decision, which this turn has claimed.
        context: The context of the resumed run.

    Raises:
        HeldRunUnreadableError: this SDK version or these agents cannot resume the stored run.
    """
    return await resume(agent, await stored(held, context), held, RunContextWrapper(context))


async def stored(held: HeldDecision, context: AgentContext[RequestContext]) -> dict[str, Any]:
    """Return the stored state, as `ask` got it, and let the model cite the passages in it that still count.

    Raises:
        HeldRunUnreadableError: a later release has stored it, or it is no JSON.
    """
    row = held.row
    if row["schema_version"] > SCHEMA_VERSION:
        raise HeldRunUnreadableError
    if "object" in row:
        text: bytes | str = zlib.decompress(await context.request_context.resources.objects.get(row["object"]))
    else:
        text = unpack(row)
    try:
        state: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise HeldRunUnreadableError from error
    return await restored(state, context.thread.id, context.request_context)


async def resume(
    agent: Agent[Any], stored_state: dict[str, Any], held: HeldDecision, wrapper: RunContextWrapper[Any]
) -> Resumption:
    """Return a stored run with the user's decisions.

    Args:
        agent: The agent that the run started with.
        stored_state: The state, as `state_of` returned it.
        held: The decision, which this turn has claimed.
        wrapper: The context of the resumed run.

    Raises:
        HeldRunUnreadableError: this SDK version or these agents cannot resume the stored run.
    """
    try:
        state = await RunState.from_json(agent, stored_state, context_override=wrapper)
    except (UserError, ValueError, KeyError, TypeError) as error:
        # This SDK does not know the schema, or an agent or a tool no longer exists.
        raise HeldRunUnreadableError from error
    # The earlier turn has counted the tokens used before the run was stored.
    wrapper.usage = Usage()
    approvals = {each.call_id: each for each in state.get_interruptions()}
    if held.decision.call_id not in approvals:
        raise HeldRunUnreadableError
    for call_id, approve in answers_of(held.row).items():
        # A turn that did not complete has answered this call. Do not make the call again.
        if call_id in approvals:
            state.reject(approvals[call_id], rejection_message=_UNKNOWN if approve else _REJECTED)
    approval = approvals[held.decision.call_id]
    if held.decision.approve:
        state.approve(approval)
    else:
        state.reject(approval, rejection_message=_REJECTED)
    return Resumption(held, state)


async def begin(resumed: Resumption, context: AgentContext[RequestContext]) -> WidgetItem | None:
    """Store that an approved call starts now, and return the card that says so.

    If this fails or is cancelled, the call is not made and the question is open again.

    Raises:
        AnsweredError: another process has ended this turn, or another turn owns the run.
    """
    held = resumed.held
    if not held.decision.approve:
        return None
    card = cards.answered(held.card, "begun")
    writing = asyncio.ensure_future(_note_answers(held, held.answers(), card, context, unless_cancelled=True))
    try:
        await asyncio.shield(writing)
    except ConditionFailedError:
        if await _is_cancelled(held, context):
            # The turn's checkpoints read the flag within this time, and cancel this task.
            await asyncio.sleep(FLAG_POLL_SECONDS * 2)
        raise AnsweredError from None
    except BaseException:
        await asyncio.wait([writing])
        with suppress(Exception, asyncio.CancelledError):
            writing.result()  # Else asyncio reports a failed write as an exception that nobody has read.
        # If this write fails too, the card says that the outcome is unknown.
        with suppress(ConditionFailedError, AssistantError):
            await _note_answers(held, answers_of(held.row), held.card, context)
        raise
    return card


async def _is_cancelled(held: HeldDecision, context: AgentContext[RequestContext]) -> bool:
    """Tell whether the turn still runs and has a cancel flag."""
    request = context.request_context
    turn = load_record(await request.resources.table.get(request.caller.thread(context.thread.id).turn_key))
    return turn is not None and turn.turn_id == held.turn_id and turn.running and turn.cancel is not None


async def _note_answers(
    held: HeldDecision,
    answers: dict[str, bool],
    card: WidgetItem,
    context: AgentContext[RequestContext],
    *,
    unless_cancelled: bool = False,
) -> None:
    """Store the decisions with their card, on condition that this turn still runs and owns the run.

    Args:
        held: The claimed decision.
        answers: All decisions of the run.
        card: The card, as it is stored.
        context: The context of the resumed run.
        unless_cancelled: Whether a cancel flag of the turn makes the write fail too.
    """
    request = context.request_context
    fence = turn_fence(request.caller.thread(context.thread.id), held.turn_id)
    if unless_cancelled:
        fence = replace(fence, condition=f"{fence.condition} AND attribute_not_exists(cancel)")
    writes = [
        fence,
        _ours(held, context, update="SET answers = :answers", values={":answers": answers}),
        *await thread_store(request.resources).upsert_writes(context.thread.id, card, request),
    ]
    await request.resources.table.transact(writes)


def _ours(
    held: HeldDecision, context: AgentContext[RequestContext], *, values: dict[str, Any] | None = None, **write: Any
) -> Write:
    """Return a write of the run's row with the condition that this turn owns the run."""
    return Write(
        run_key(held.decision.run_id, context.thread.id, context.request_context),
        condition="revision = :turn_id",
        values={":turn_id": held.turn_id, **(values or {})},
        **write,
    )


def _card(waiting: Waiting, run_id: str, context: AgentContext[RequestContext]) -> WidgetItem:
    call = cards.Call(waiting.name, waiting.arguments, waiting.effect, run_id, waiting.call_id)
    return cards.asking(context.generate_id("message"), context.thread.id, call, context.request_context.language)


async def _save(
    run_id: str,
    state: dict[str, Any],
    tools: dict[str, str],
    cards: dict[str, str],
    resumed: Resumption | None,
    context: AgentContext[RequestContext],
) -> None:
    request = context.request_context
    writes = object_removals(resumed.held.row) if resumed else []
    packed = pack(json.dumps(with_cited(state, request)))
    expires_at = clock.now() + HELD_FOR
    if len(packed.get("blob", b"")) > MAX_INLINE_BYTES:
        caller = request.caller
        prefix = caller.thread(context.thread.id).object_prefix
        large = Offload(f"{prefix}{uuid7()}", packed["blob"])
        writes += [await put_object(request.resources, large), object_expiry(large.key, expires_at)]
        packed = {"object": large.key}
    row = {
        "schema_version": SCHEMA_VERSION,
        "sdk_version": sdk_version,
        "revision": uuid7(),
        "waiting": list(tools),
        "tools": tools,
        "answers": {},
        "cards": cards,
        "outside": sorted(request.outside),
        "expires_at": expires_at.timestamp(),
        "ttl": int(expires_at.timestamp()),
        **packed,
    }
    if resumed is not None:
        held = _ours(resumed.held, context, put=row)
    else:
        held = Write(run_key(run_id, context.thread.id, request), put=row)
        # Check that the thread exists: a deletion that has finished would not find this row.
        writes.append(Write(Key(held.key.pk, keys.META_SK), condition=THREAD_EXISTS))
    try:
        await request.resources.table.transact([held, *writes])
    except ConditionFailedError:
        raise AnsweredError from None
