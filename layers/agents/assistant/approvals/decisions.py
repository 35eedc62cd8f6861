"""Check a user's decision on a call that waits for approval, before a turn is claimed for it.

An invalid click fails here, so it ends no running turn. This module does not load the agents SDK.

Only the stored run's row has the decisions. Each step is one write with a condition on the row's `revision`:

| state of the row | written by | meaning |
|---|---|---|
| waits | the turn that asks | the card asks |
| `revision` is a turn's id, `deciding` a call's | the claim of the click's turn | no other turn can decide |
| the call is in `answers` | rejection: the claim; approval: one more write before the call starts | final |
| deleted, or waits for its other calls | the turn, with the result | final |

If the turn ends before the decision is in `answers`, its claim is void and the question is open again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chatkit.actions import Action
from chatkit.types import WidgetItem
from pydantic import BaseModel, ValidationError

from assistant import audit, clock
from assistant.approvals.cards import answered
from assistant.aws import Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import ConflictError, InvalidRequestError, NotFoundError
from assistant.threads import thread_store

# `Retry-After` of a decision that arrives while another call of the same run is being made.
DECIDED_IN_SECONDS = 2.0


class AnsweredError(ConflictError):
    """The call already has a decision."""

    retryable = False
    default_message = "This has been answered already."


class RunGoesOnError(ConflictError):
    """A turn is deciding another call of the same run. After that turn the run waits for this call again."""

    code = "run_goes_on"
    default_message = "Another call beside this one is being made. Please answer again when it is done."


class Decision(BaseModel):
    """The payload of a click on a card that asks for approval."""

    run_id: str
    call_id: str
    approve: bool


@dataclass
class HeldDecision:
    """A decision, with the stored run and the card.

    Attributes:
        decision: The click's payload.
        row: The row of the stored run.
        card: The card that asks.
        turn_id: The turn that has claimed the decision; empty before the claim.
        entry: The entry of the audit trail; None before the claim.
    """

    decision: Decision
    row: Row
    card: WidgetItem
    turn_id: str = ""
    entry: audit.Entry | None = None

    def answers(self) -> dict[str, bool]:
        """Return all decisions of this run, with this one."""
        return {**answers_of(self.row), self.decision.call_id: self.decision.approve}

    def rejected_card(self) -> WidgetItem | None:
        """Return the card that the claim of a rejection stores; None for an approval."""
        return None if self.decision.approve else answered(self.card, "rejected")

    def refusal(self, row: Row | None) -> ConflictError:
        """Return why the claim failed.

        Args:
            row: The run's row after the other claim; None if it is deleted.
        """
        call_id = self.decision.call_id
        if row is None or call_id not in row["waiting"] or call_id in answers_of(row) or row.get("deciding") == call_id:
            return AnsweredError()
        return RunGoesOnError(retry_after=DECIDED_IN_SECONDS)

    def log(self) -> None:
        """Write the log line of the audit trail, after the claim."""
        if self.entry is not None:
            self.entry.log()

    def _note(self, context: RequestContext) -> audit.Entry:
        return audit.entry(
            context.resources,
            "call.approved" if self.decision.approve else "call.rejected",
            by=context.caller,
            tenant_id=context.caller.tenant_id,
            thread_id=self.card.thread_id,
            call_id=self.decision.call_id,
            tool=self.row.get("tools", {}).get(self.decision.call_id),
        )

    def claim(self, turn_id: str, context: RequestContext) -> list[Write]:
        """Return the writes that claim the decision, on condition that the run has not changed since it was read."""
        self.turn_id, self.entry = turn_id, self._note(context)
        claimed = Write(
            run_key(self.decision.run_id, self.card.thread_id, context),
            update="SET revision = :turn_id, answers = :answers, deciding = :call_id",
            condition="revision = :revision",
            values={
                ":turn_id": turn_id,
                ":revision": self.row["revision"],
                ":call_id": self.decision.call_id,
                ":answers": answers_of(self.row) if self.decision.approve else self.answers(),
            },
        )
        return [claimed, self.entry.write]


def answers_of(row: Row) -> dict[str, bool]:
    """Return the decisions of a run by call id, with or without a known outcome."""
    # A row of schema version 1 has one answer, stored when the run was resumed.
    first = {row["answered_call"]: row["answered_as"]} if "answered_call" in row else {}
    return {**first, **row.get("answers", {})}


def run_key(run_id: str, thread_id: str, context: RequestContext) -> Key:
    """Return the key of a stored run."""
    caller = context.caller
    return Key(caller.thread(thread_id).partition, keys.held_run_sk(run_id))


async def load_decision(
    action: Action[str, Any], item_id: str | None, thread_id: str, running: str | None, context: RequestContext
) -> HeldDecision:
    """Return the decision of a click.

    Args:
        action: The click.
        item_id: The card that the click names. Used only if the run's row does not name its card.
        thread_id: The thread.
        running: The id of the turn that runs in the thread; None if none runs.
        context: The request's context.

    Raises:
        InvalidRequestError: the payload is invalid.
        NotFoundError: no run in this thread waits for this call, or its card is deleted.
        AnsweredError: the call has an answer, or a turn is answering it.
        RunGoesOnError: a turn is answering another call of this run.
    """
    try:
        decision = Decision.model_validate(action.payload)
    except ValidationError:
        raise InvalidRequestError("The action's payload is not valid.") from None
    row = await context.resources.table.get(run_key(decision.run_id, thread_id, context))
    if row is None or row["expires_at"] < clock.now().timestamp() or decision.call_id not in row["waiting"]:
        raise NotFoundError("This does not wait for an answer any more.")
    if decision.call_id in answers_of(row):
        raise AnsweredError
    if row["revision"] == running:
        # Rows of earlier releases have no `deciding`.
        same = row.get("deciding", decision.call_id) == decision.call_id
        raise AnsweredError if same else RunGoesOnError(retry_after=DECIDED_IN_SECONDS)
    # Rows of schema version 1 have no `cards`.
    card_id = row.get("cards", {}).get(decision.call_id, item_id)
    if card_id is None:
        raise InvalidRequestError("The action does not name its card.")
    card = await thread_store(context.resources).load_item(thread_id, card_id, context)
    if not isinstance(card, WidgetItem):
        raise InvalidRequestError("An action comes from a widget.")
    return HeldDecision(decision, row, card)
