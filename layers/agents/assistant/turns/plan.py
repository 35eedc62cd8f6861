"""PLACEHOLDER"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, assert_never

from chatkit.actions import Action
from chatkit.types import (
    Attachment,
    ClientToolCallItem,
    StreamingReq,
    StructuredInputAnswer,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputSubmission,
    ThreadItem,
    ThreadMetadata,
    ThreadsAddClientToolOutputReq,
    ThreadsAddStructuredInputReq,
    ThreadsAddUserMessageReq,
    ThreadsCreateReq,
    ThreadsCustomActionReq,
    ThreadsRetryAfterItemReq,
    UserMessageInput,
    UserMessageItem,
    WidgetItem,
)

from assistant import clock, files
from assistant.approvals import DECIDE, HeldDecision, load_decision
from assistant.aws import Write
from assistant.context import RequestContext
from assistant.errors import ConflictError, InvalidRequestError
from assistant.hooks import find_hook, needed_hook
from assistant.ids import ID_PREFIXES, new_id
from assistant.models import check_choice
from assistant.threads import ThreadSnapshot, read_snapshot, thread_store
from assistant.turns.retry import approved_behind
from assistant.turns.waiting import NoCallWaitsError


@dataclass
class Plan:
    """One turn to be claimed.

    Attributes:
        request: What was asked for.
        thread_id: The thread, new or not.
        new_thread: The thread to be created, for `threads.create`.
        user_message: The message to be stored with the claim.
        changed_item: An earlier item that the claim stores anew, such as a client tool call with its output.
        sender: The widget that an action came from.
        decision: The user's answer to a call that waits for approval, if the action is one.
        retry_of: The user message that is to be answered anew.
        kept: What a retry leaves of the answer that it replaces: the cards of the calls that were approved.
        writes: Further writes of the claim, such as those that bind attachments.
        snapshot: The thread as it was read before the claim, where the operation depends on it.
    """

    request: StreamingReq
    thread_id: str
    new_thread: ThreadMetadata | None = None
    user_message: UserMessageItem | None = None
    changed_item: ThreadItem | None = None
    sender: WidgetItem | None = None
    decision: HeldDecision | None = None
    retry_of: UserMessageItem | None = None
    kept: list[ThreadItem] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    snapshot: ThreadSnapshot | None = None

    @property
    def is_action(self) -> bool:
        """Whether it is a click in a widget, and no message."""
        return isinstance(self.request, ThreadsCustomActionReq)

    @property
    def is_answer(self) -> bool:
        """Whether it answers what an earlier turn has asked: a form, a client tool call, an approval."""
        return self.changed_item is not None or self.decision is not None

    @property
    def changed(self) -> list[str]:
        """The ids of the earlier items that its clients are told of."""
        return [item.id for item in [self.changed_item, *self.kept] if item is not None]

    @property
    def failed_attempts(self) -> str | None:
        """The sort key behind which stand the items of the retries just before this one that failed, if any did."""
        turn = self.snapshot.turn if self.snapshot is not None else None
        if self.retry_of is None or turn is None or turn.operation != self.request.type or turn.state == "done":
            return None
        return turn.attempts or turn.floor


async def make_plan(request: StreamingReq, context: RequestContext) -> Plan:
    """Work out what a request wants.

    Raises:
        NotFoundError: a thread, item or attachment that it names is not the caller's.
        InvalidRequestError: what it names is of the wrong kind, or no action is known by that name.
        ConflictError: what it answers is not waiting for an answer.
    """
    store = thread_store(context.resources)
    match request:
        case ThreadsCreateReq(params=create):
            thread = ThreadMetadata(id=new_id(ID_PREFIXES["thread"]), created_at=clock.now())
            message, writes = await _user_message(create.input, thread.id, context)
            return Plan(request, thread.id, new_thread=thread, user_message=message, writes=writes)
        case ThreadsAddUserMessageReq(params=add):
            message, writes = await _user_message(add.input, add.thread_id, context)
            return Plan(request, add.thread_id, user_message=message, writes=writes)
        case ThreadsAddClientToolOutputReq(params=output):
            snapshot = await read_snapshot(output.thread_id, context)
            call = _pending_call(snapshot.items)
            completed = call.model_copy(update={"output": output.result, "status": "completed"})
            snapshot.items[snapshot.items.index(call)] = completed
            return Plan(request, output.thread_id, changed_item=completed, snapshot=snapshot)
        case ThreadsAddStructuredInputReq(params=structured):
            snapshot, item = await asyncio.gather(
                read_snapshot(structured.thread_id, context),
                store.load_item(structured.thread_id, structured.item_id, context),
            )
            answered = _answered(item, structured.input)
            # The model reads it as what has just been said, however much has been said since it was asked.
            snapshot.items = [*(each for each in snapshot.items if each.id != item.id), answered]
            return Plan(request, structured.thread_id, changed_item=answered, snapshot=snapshot)
        case ThreadsRetryAfterItemReq(params=retry):
            item = await store.load_item(retry.thread_id, retry.item_id, context)
            if not isinstance(item, UserMessageItem):
                raise InvalidRequestError("Only an answer to a user's message can be retried.")
            snapshot = await read_snapshot(retry.thread_id, context, newest=item.id)
            # After the snapshot, whose turn the claim finds again: what is begun later makes another plan.
            kept = await approved_behind(item.id, retry.thread_id, context)
            snapshot.items += kept
            return Plan(request, retry.thread_id, retry_of=item, kept=kept, snapshot=snapshot)
        case ThreadsCustomActionReq(params=action):
            snapshot = await read_snapshot(action.thread_id, context)
            if action.action.type == DECIDE:
                return await _decision(request, snapshot, context)
            sender: WidgetItem | None = None
            if action.item_id is not None:
                item = await store.load_item(action.thread_id, action.item_id, context)
                if not isinstance(item, WidgetItem):
                    raise InvalidRequestError("An action comes from a widget.")
                sender = item
            await _check_action(action.action, context)
            return Plan(request, action.thread_id, sender=sender, snapshot=snapshot)
        case _:
            assert_never(request)


async def _decision(request: ThreadsCustomActionReq, snapshot: ThreadSnapshot, context: RequestContext) -> Plan:
    """Plan a click on a card that asks for approval."""
    params, turn = request.params, snapshot.turn
    running = turn.turn_id if turn is not None and turn.alive else None
    held = await load_decision(params.action, params.item_id, params.thread_id, running, context)
    changed = held.rejected_card()
    if changed is not None:
        snapshot.items = [changed if each.id == changed.id else each for each in snapshot.items]
    return Plan(request, params.thread_id, changed_item=changed, decision=held, snapshot=snapshot)


async def _check_action(action: Action[str, Any], context: RequestContext) -> None:
    """Refuse a click that cannot count, before any turn ends for it."""
    needed_hook(context.settings, "handle_action", "actions")
    check = find_hook(context.settings, "check_action")
    if check is not None:
        await check(action, context)


async def _user_message(
    message: UserMessageInput, thread_id: str, context: RequestContext
) -> tuple[UserMessageItem, list[Write]]:
    if not message.attachments and not any(part.text.strip() for part in message.content):
        raise InvalidRequestError("The message is empty.")
    check_choice(message.inference_options, context.settings)
    bound: list[Attachment] = []
    writes: list[Write] = []
    if message.attachments:
        bound, writes = await files.bind(context.resources, context.caller, message.attachments, thread_id)
    item = UserMessageItem(
        id=new_id(ID_PREFIXES["message"]),
        thread_id=thread_id,
        created_at=clock.now(),
        content=message.content,
        attachments=bound,
        quoted_text=message.quoted_text,
        inference_options=message.inference_options,
    )
    return item, writes


def _pending_call(items: list[ThreadItem]) -> ClientToolCallItem:
    """Return the client tool call that waits for its output: nothing but hidden items may come after it.

    Raises:
        ConflictError: it has its output.
        NoCallWaitsError: there is none, or none yet.
    """
    newest = True
    for item in reversed(items):
        if isinstance(item, ClientToolCallItem):
            if newest and item.status == "pending":
                return item
            # Another call may follow, and an output says of none which it is for: this one is not kept for the next.
            raise ConflictError("This client tool call has its output.")
        if isinstance(item, UserMessageItem):
            break
        newest = newest and item.type in {"hidden_context_item", "sdk_hidden_context", "workflow"}
    raise NoCallWaitsError


def _answered(item: ThreadItem, submission: StructuredInputSubmission) -> StructuredInputItem:
    """Return a structured input with the answers given, by the rules of ChatKit's own server (1.6.5)."""
    if not isinstance(item, StructuredInputItem):
        raise InvalidRequestError("The item takes no structured input.")
    if item.status != "pending":
        raise ConflictError("The questions have been answered already.")
    if submission.answers and submission.answers.keys().isdisjoint(question.id for question in item.inputs):
        raise InvalidRequestError("None of these answers is to a question that was asked.")
    answered = item.model_copy(deep=True)
    for question in answered.inputs:
        answer = submission.answers.get(question.id)
        if submission.status == "skipped" or answer is None or answer.skipped or not answer.values:
            question.answer = StructuredInputAnswer(skipped=True)
            continue
        single = isinstance(question, StructuredInputMultipleChoice) and not question.multiple
        question.answer = StructuredInputAnswer(values=answer.values[:1] if single else answer.values)
    answered.status = submission.status
    return answered


# Its output, for the model of every later turn.
NOT_RUN = "The browser has not answered this call: the user sent another message first. It may be called again."


def overtaken_calls(items: Iterable[ThreadItem]) -> list[ThreadItem]:
    """Return the client tool calls that a new message has overtaken, in their last state.

    Args:
        items: The newest items that the message comes after.
    """
    return [
        item.model_copy(update={"status": "completed", "output": NOT_RUN})
        for item in items
        if isinstance(item, ClientToolCallItem) and item.status == "pending"
    ]
