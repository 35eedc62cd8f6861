"""Tool calls that a user must approve: the run is stored, a card asks, and the answer resumes the run.

Any process can resume it, also days later. The stored run is the Agents SDK's own `RunState`, kept in the thread's
partition, so it goes with the thread and no other caller can reach it. Whoever resumes it is the caller of that
request: the tools authorise anew.

The run is forgotten, and its card answered, when it has gone on to its end. Until then a failure leaves both as they
were and the user can answer again; so a tool that needs approval must take a repeated call of the same id as one.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agents import Agent, RunContextWrapper, RunResultStreaming, RunState, ToolApprovalItem, Usage, UserError
from agents.version import __version__ as sdk_version
from chatkit.actions import Action, ActionConfig
from chatkit.agents import AgentContext
from chatkit.types import ThreadItemDoneEvent, ThreadItemReplacedEvent, ThreadStreamEvent, WidgetItem
from chatkit.widgets import DynamicWidgetRoot

from assistant import keys
from assistant.context import RequestContext
from assistant.decisions import DECIDE, AnsweredError, Decision, load_run, read_decision, run_key
from assistant.errors import ConflictError
from assistant.ids import new_id, uuid7
from assistant.table import ConditionFailedError, Row, Write
from assistant.threads import offload
from assistant.threads.rows import MAX_INLINE_BYTES, Offload, now, pack, unpack

SCHEMA_VERSION = 1
# Whoever has not answered by then would not remember what it was about.
HELD_FOR = timedelta(days=30)
# A process that resumes a run has at most Lambda's longest time for it; then another may take it over.
RESUME_LEASE = timedelta(minutes=15)

_REJECTED = "The user did not approve this call. Accept that, and do not call the tool again unless asked to."


class HeldRunUnreadableError(ConflictError):
    """A release that cannot be read any more stored the run."""

    code = "held_run_unreadable"
    retryable = False
    default_message = (
        "This was asked by an earlier version of the assistant, which cannot be continued. Please ask again."
    )


@dataclass(frozen=True)
class Resumption:
    """A stored run that is about to go on.

    Attributes:
        run_id: Under which it is stored.
        state: What the runner takes in place of input.
        answered: The card that was clicked, as it will be; None if the action came from elsewhere.
        row: The run as it is stored.
    """

    run_id: str
    state: RunState[Any, Agent[Any]]
    answered: WidgetItem | None
    row: Row


async def hold(
    result: RunResultStreaming, context: AgentContext[RequestContext], resumed: Resumption | None = None
) -> AsyncIterator[ThreadStreamEvent]:
    """Store a run that has stopped for approval, and show a card for each call that waits for it.

    To be called at the end of every run; where nothing waits, what the run was resumed from is forgotten.

    Args:
        result: The run, streamed to its end.
        context: The context that it ran in.
        resumed: What it was resumed from, if it has stopped once more.
    """
    interruptions: list[ToolApprovalItem] = result.interruptions
    if context.workflow_item is not None and interruptions:
        # The SDK stores what is open at the end of a run as it is, to go on in the next turn; this one is over.
        item, context.workflow_item = context.workflow_item, None
        item.workflow.expanded = False
        yield ThreadItemDoneEvent(item=item)
    if interruptions:
        run_id = resumed.run_id if resumed else new_id("run")
        replaced = offload.releases(resumed.row) if resumed else []
        await _save(run_id, result.to_state(), interruptions, replaced, context)
        for each in interruptions:
            if resumed is None or each.call_id not in resumed.row["waiting"]:
                yield ThreadItemDoneEvent(item=_card_item(context, run_id, each, None))
    elif resumed is not None:
        forgets = [
            Write(run_key(resumed.run_id, context.thread.id, context.request_context), delete=True),
            *offload.releases(resumed.row),
        ]
        await context.request_context.resources.table.transact(forgets)
    if resumed is not None and resumed.answered is not None:
        yield ThreadItemReplacedEvent(item=resumed.answered)


async def release(resumed: Resumption, context: AgentContext[RequestContext]) -> None:
    """Let the user answer again, after a resumed run has failed."""
    # When it has been stored anew or forgotten meanwhile, there is nothing to release.
    with suppress(ConditionFailedError):
        await context.request_context.resources.table.update(
            run_key(resumed.run_id, context.thread.id, context.request_context),
            "REMOVE claimed_until, answered_call, answered_as",
            condition="revision = :revision",
            values={":revision": resumed.row["revision"]},
        )


async def decide(
    agent: Agent[Any], action: Action[str, Any], sender: WidgetItem | None, context: AgentContext[RequestContext]
) -> Resumption:
    """Take the user's answer and return the run that goes on with it. Of two answers at once, one is taken.

    Args:
        agent: The agent that begins each turn, built as it was when the run was stored.
        action: The click, of type `DECIDE`.
        sender: The card that was clicked.
        context: The context in which the run goes on.

    Raises:
        InvalidRequestError: the payload does not fit.
        NotFoundError: no such run waits in this thread, or not for this call.
        ConflictError: it is being resumed already, or was answered otherwise.
        HeldRunUnreadableError: neither this SDK nor these agents can go on with what was stored.
    """
    decision = read_decision(action)
    row = await load_run(decision, context.thread.id, context.request_context)
    state = await _load(agent, row, context)
    approval = next((each for each in state.get_interruptions() if each.call_id == decision.call_id), None)
    if approval is None:
        raise HeldRunUnreadableError
    await _claim(row, decision, context)
    if decision.approve:
        state.approve(approval)
    else:
        state.reject(approval, rejection_message=_REJECTED)
    answered = _card_item(context, decision.run_id, approval, decision.approve, sender) if sender else None
    return Resumption(decision.run_id, state, answered, row)


async def _save(
    run_id: str,
    state: RunState[Any, Any],
    waiting: list[ToolApprovalItem],
    replaced: list[Write],
    context: AgentContext[RequestContext],
) -> None:
    request = context.request_context
    # Our context is made anew by the request that resumes the run.
    packed = pack(json.dumps(state.to_json(context_serializer=lambda _: {}, strict_context=True)))
    expires_at = now() + HELD_FOR
    writes = list(replaced)
    if len(packed.get("blob", b"")) > MAX_INLINE_BYTES:
        caller = request.caller
        prefix = keys.item_object_prefix(caller.tenant_id, caller.user_id, context.thread.id)
        large = Offload(f"{prefix}{uuid7()}", packed["blob"])
        writes += [await offload.put(request.resources, large), offload.expires(large.key, expires_at)]
        packed = {"object": large.key}
    row = {
        "schema_version": SCHEMA_VERSION,
        "sdk_version": sdk_version,
        "revision": uuid7(),
        "waiting": [each.call_id for each in waiting],
        "expires_at": expires_at.timestamp(),
        "ttl": int(expires_at.timestamp()),
        **packed,
    }
    await request.resources.table.transact([Write(run_key(run_id, context.thread.id, request), put=row), *writes])


async def _load(agent: Agent[Any], row: Row, context: AgentContext[RequestContext]) -> RunState[Any, Agent[Any]]:
    if row["schema_version"] > SCHEMA_VERSION:
        raise HeldRunUnreadableError
    if "object" in row:
        text: bytes | str = zlib.decompress(await context.request_context.resources.objects.get(row["object"]))
    else:
        text = unpack(row)
    wrapper = RunContextWrapper(context)
    try:
        state = await RunState.from_json(agent, json.loads(text), context_override=wrapper)
    except (UserError, ValueError, KeyError, TypeError) as error:
        # A schema that this SDK does not know, or an agent or a tool that is there no more.
        raise HeldRunUnreadableError from error
    # What the run had used when it was stored is counted already.
    wrapper.usage = Usage()
    return state


async def _claim(row: Row, decision: Decision, context: AgentContext[RequestContext]) -> None:
    """Make this process the one that resumes the run; after a crash the same answer may be given again."""
    try:
        await context.request_context.resources.table.update(
            run_key(decision.run_id, context.thread.id, context.request_context),
            "SET claimed_until = :until, answered_call = :call, answered_as = :approve",
            condition=(
                "revision = :revision AND (attribute_not_exists(claimed_until) OR "
                "(answered_call = :call AND answered_as = :approve AND claimed_until < :now))"
            ),
            values={
                ":until": (now() + RESUME_LEASE).timestamp(),
                ":now": now().timestamp(),
                ":call": decision.call_id,
                ":approve": decision.approve,
                ":revision": row["revision"],
            },
        )
    except ConditionFailedError:
        raise AnsweredError from None


def _card_item(
    context: AgentContext[RequestContext],
    run_id: str,
    approval: ToolApprovalItem,
    approved: bool | None,
    sender: WidgetItem | None = None,
) -> WidgetItem:
    """Return the card for a call: with its two buttons, or with the answer that was given."""
    call_id = str(approval.call_id)
    name = str(approval.tool_name).replace("_", " ").capitalize()
    try:
        arguments: dict[str, Any] = json.loads(approval.arguments or "{}")
    except ValueError:
        arguments = {}
    facts = {key.replace("_", " ").capitalize(): str(value) for key, value in arguments.items()}
    answer = {None: "Needs your approval", True: "Approved", False: "Not approved"}[approved]
    described = ", ".join(f"{label}: {value}" for label, value in facts.items())
    return WidgetItem(
        id=sender.id if sender else context.generate_id("message"),
        thread_id=context.thread.id,
        created_at=sender.created_at if sender else now(),
        widget=_card(name, facts, answer, None if approved is not None else (run_id, call_id)),
        copy_text=f"{name} ({described}): {answer}" if described else f"{name}: {answer}",
    )


def _card(name: str, facts: dict[str, str], answer: str, asks: tuple[str, str] | None) -> DynamicWidgetRoot:
    rows: list[dict[str, Any]] = [
        {
            "type": "Row",
            "gap": 3,
            "children": [{"type": "Caption", "value": label}, {"type": "Text", "value": value, "size": "sm"}],
        }
        for label, value in facts.items()
    ]
    card: dict[str, Any] = {
        "type": "Card",
        "size": "sm",
        "status": {"text": answer, "icon": "circle-question" if asks else "check-circle"},
        "children": [{"type": "Title", "value": name, "size": "sm"}, *rows],
    }
    if asks is not None:
        run_id, call_id = asks
        for button, label, approve in (("confirm", "Approve", True), ("cancel", "Reject", False)):
            payload = {"run_id": run_id, "call_id": call_id, "approve": approve}
            card[button] = {"label": label, "action": ActionConfig(type=DECIDE, payload=payload).model_dump()}
    return DynamicWidgetRoot.model_validate(card)
