"""Plan a turn: read the rows that a request needs, and refuse an invalid request before it ends a running turn."""

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
from assistant.aws import Write, keys
from assistant.context import RequestContext
from assistant.errors import ConflictError, InvalidRequestError
from assistant.hooks import find_hook, needed_hook
from assistant.ids import ID_PREFIXES, new_id
from assistant.models import check_choice
from assistant.quotas import check_action, check_input, check_message
from assistant.threads import ThreadSnapshot, read_snapshot, thread_store
from assistant.turns.retry import approved_cards_after
from assistant.turns.waiting import NoCallWaitsError

# The key in a request's `metadata` that names the message which the new message replaces.
EDIT_OF = "edit_of"


@dataclass
class Plan:
    """A turn before its claim.

    Attributes:
        request: The client's request.
        thread_id: The thread, new or not.
        new_thread: The thread to create, for `threads.create`.
        user_message: The message to store with the claim.
        changed_item: An earlier item that the claim changes, such as a client tool call with its output.
        sender: The widget of a custom action.
        decision: The user's decision on a call that waits for approval.
        retry_of: The user message to answer again.
        approved_cards: The cards of approved calls in the old answer, which a retry keeps.
        handled: Whether a person answers in the thread, so that no agent runs.
        edited: The earlier user message that `user_message` replaces, with all that follows it.
        kept: The ids of the items after an edited message that stay: the cards of approved calls.
        writes: Further writes of the claim, such as those that bind attachments.
        snapshot: The thread as it was read before the claim, if the operation depends on it.
    """

    request: StreamingReq
    thread_id: str
    new_thread: ThreadMetadata | None = None
    user_message: UserMessageItem | None = None
    changed_item: ThreadItem | None = None
    sender: WidgetItem | None = None
    decision: HeldDecision | None = None
    retry_of: UserMessageItem | None = None
    approved_cards: list[ThreadItem] = field(default_factory=list)
    handled: bool = False
    edited: UserMessageItem | None = None
    kept: frozenset[str] = frozenset()
    writes: list[Write] = field(default_factory=list)
    snapshot: ThreadSnapshot | None = None

    @property
    def is_action(self) -> bool:
        """Whether the request is a click in a widget."""
        return isinstance(self.request, ThreadsCustomActionReq)

    @property
    def is_message(self) -> bool:
        """Whether the request is a new message, which a person can answer too."""
        return self.user_message is not None and self.edited is None

    @property
    def is_answer(self) -> bool:
        """Whether the request answers a question of an earlier turn: a form, a client tool call or an approval."""
        return self.changed_item is not None or self.decision is not None

    @property
    def changed(self) -> list[str]:
        """The ids of the earlier items that the turn sends to its clients."""
        answered = self.changed_item if self.decision is None else self.decision.card
        return [item.id for item in [answered, *self.approved_cards] if item is not None]

    @property
    def retried_sk(self) -> str | None:
        """The sort key of the message to answer again; None if the turn is no retry."""
        place = None if self.retry_of is None else keys.own_place(self.retry_of.id)
        return None if place is None else keys.item_sk(place)

    @property
    def failed_attempts(self) -> str | None:
        """The sort key of the first item of the failed retries just before this one; None if there are none."""
        turn = self.snapshot.turn if self.snapshot is not None else None
        if self.retry_of is None or turn is None or turn.operation != self.request.type or turn.state == "done":
            return None
        return turn.attempts or turn.floor


async def make_plan(request: StreamingReq, context: RequestContext) -> Plan:
    """Read what a request needs, without a write.

    Raises:
        NotFoundError: the thread, item or attachment does not exist for this caller.
        InvalidRequestError: the item is of the wrong kind, or the action is unknown.
        MessageTooLongError: the message, or other input of the client, is too long.
        ConflictError: the item does not wait for an answer.
    """
    store = thread_store(context.resources)
    match request:
        case ThreadsCreateReq(params=create):
            thread = ThreadMetadata(id=new_id(ID_PREFIXES["thread"]), created_at=clock.now())
            message, writes = await _user_message(create.input, thread.id, context)
            return Plan(request, thread.id, new_thread=thread, user_message=message, writes=writes)
        case ThreadsAddUserMessageReq(params=add) if EDIT_OF in request.metadata:
            return await _edit(request, context)
        case ThreadsAddUserMessageReq(params=add):
            message, writes = await _user_message(add.input, add.thread_id, context)
            return Plan(request, add.thread_id, user_message=message, writes=writes)
        case ThreadsAddClientToolOutputReq(params=output):
            await check_input(output.result, context)
            snapshot = await read_snapshot(output.thread_id, context)
            call = _pending_call(snapshot.items)
            completed = call.model_copy(update={"output": output.result, "status": "completed"})
            snapshot.items[snapshot.items.index(call)] = completed
            return Plan(request, output.thread_id, changed_item=completed, snapshot=snapshot)
        case ThreadsAddStructuredInputReq(params=structured):
            await check_input(structured.input, context)
            snapshot, item = await asyncio.gather(
                read_snapshot(structured.thread_id, context),
                store.load_item(structured.thread_id, structured.item_id, context),
            )
            answered = _answered(item, structured.input)
            # Put the answers last: for the model they are the newest input, whenever the form was shown.
            snapshot.items = [*(each for each in snapshot.items if each.id != item.id), answered]
            return Plan(request, structured.thread_id, changed_item=answered, snapshot=snapshot)
        case ThreadsRetryAfterItemReq(params=retry):
            item = await store.load_item(retry.thread_id, retry.item_id, context)
            if not isinstance(item, UserMessageItem):
                raise InvalidRequestError("Only an answer to a user's message can be retried.")
            snapshot = await read_snapshot(retry.thread_id, context, newest=item.id)
            # Read the cards after the snapshot. The claim fails if a turn has run since the snapshot.
            cards = await approved_cards_after(item.id, retry.thread_id, context)
            snapshot.items += cards
            return Plan(request, retry.thread_id, retry_of=item, approved_cards=cards, snapshot=snapshot)
        case ThreadsCustomActionReq(params=action):
            await check_action(action.action, context)
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


async def _edit(request: ThreadsAddUserMessageReq, context: RequestContext) -> Plan:
    """Plan the answer to a message that replaces an earlier one, and all that follows it.

    As with a retry, the old messages stay until the new answer is complete.
    """
    params, item_id = request.params, request.metadata[EDIT_OF]
    if not isinstance(item_id, str) or not item_id:
        raise InvalidRequestError(f"The metadata's '{EDIT_OF}' must be the id of a message.")
    item = await thread_store(context.resources).load_item(params.thread_id, item_id, context)
    if not isinstance(item, UserMessageItem):
        raise InvalidRequestError("Only a user's message can be edited.")
    snapshot = await read_snapshot(params.thread_id, context, newest=item.id)
    cards = await approved_cards_after(item.id, params.thread_id, context)
    snapshot.items = [*(each for each in snapshot.items if each.id != item.id), *cards]
    message, writes = await _user_message(params.input, params.thread_id, context)
    return Plan(
        request,
        params.thread_id,
        user_message=message,
        edited=item,
        kept=frozenset(card.id for card in cards),
        writes=writes,
        snapshot=snapshot,
    )


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
    """Refuse an invalid click before it ends a running turn."""
    needed_hook(context.settings, "handle_action", "actions")
    check = find_hook(context.settings, "check_action")
    if check is not None:
        await check(action, context)


async def _user_message(
    message: UserMessageInput, thread_id: str, context: RequestContext
) -> tuple[UserMessageItem, list[Write]]:
    if not message.attachments and not any(part.text.strip() for part in message.content):
        raise InvalidRequestError("The message is empty.")
    await check_message(message, context)
    check_choice(message.inference_options, context)
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
    """Return the client tool call that waits for its output. Only hidden items and workflows may follow it.

    Raises:
        ConflictError: the newest call has its output.
        NoCallWaitsError: no call waits.
    """
    newest = True
    for item in reversed(items):
        if isinstance(item, ClientToolCallItem):
            if newest and item.status == "pending":
                return item
            # An output names no call. Do not keep it for a call that may follow.
            raise ConflictError("This client tool call has its output.")
        if isinstance(item, UserMessageItem):
            break
        newest = newest and item.type in {"hidden_context_item", "sdk_hidden_context", "workflow"}
    raise NoCallWaitsError


def _answered(item: ThreadItem, submission: StructuredInputSubmission) -> StructuredInputItem:
    """Return a form with its answers, by the rules of ChatKit's own server (1.6.5)."""
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


# The output of such a call, for the model in every later turn.
NOT_RUN = "The browser has not answered this call: the user sent another message first. It may be called again."


def unanswered_calls(items: Iterable[ThreadItem]) -> list[ThreadItem]:
    """Complete the client tool calls that still wait when the user sends a new message.

    Args:
        items: The newest items before that message.

    Returns:
        The calls, with an output that says that they were not run.
    """
    return [
        item.model_copy(update={"status": "completed", "output": NOT_RUN})
        for item in items
        if isinstance(item, ClientToolCallItem) and item.status == "pending"
    ]
