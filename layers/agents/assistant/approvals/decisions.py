"""The user's answer to a call that waits for approval, as far as it is judged before a run goes on with it.

Light: a click is looked at here before its turn is claimed, so that one which cannot count ends nobody's turn.

The stored run is the one place that knows what has been decided. Each step is one conditional write on its `revision`:

| the run | written by | then |
|---|---|---|
| waits | the turn that asks | the card asks |
| is claimed for the call `deciding`: `revision` is a turn's id | the claim of a click's turn | nobody else decides |
| a call is in `answers` | a rejection: that claim; an approval: a write of its own before the call is made | final |
| is gone, or waits for its other calls | the turn, with the result | final |

A claim whose turn has ended without an answer counts as none: the question is open again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chatkit.actions import Action
from chatkit.types import WidgetItem
from pydantic import BaseModel, ValidationError

from assistant import clock
from assistant.approvals.cards import answered
from assistant.aws import Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import ConflictError, InvalidRequestError, NotFoundError
from assistant.threads import thread_store

# What a client may wait before it sends an answer again that came while another call of the run was made.
DECIDED_IN_SECONDS = 2.0


class AnsweredError(ConflictError):
    """Another answer has been taken."""

    retryable = False
    default_message = "This has been answered already."


class RunGoesOnError(ConflictError):
    """Another call of the same run is being decided: the run waits for this one again when that is done."""

    code = "run_goes_on"
    default_message = "Another call beside this one is being made. Please answer again when it is done."


class Decision(BaseModel):
    """What such a click carries."""

    run_id: str
    call_id: str
    approve: bool


@dataclass
class HeldDecision:
    """A decision, and what it is about.

    Attributes:
        decision: What the click says.
        row: The run as it is stored.
        card: The card that asks.
        turn_id: The turn that takes the decision, once it is claimed.
    """

    decision: Decision
    row: Row
    card: WidgetItem
    turn_id: str = ""

    def answers(self) -> dict[str, bool]:
        """Return what has been decided of this run's calls, this decision included."""
        return {**answers_of(self.row), self.decision.call_id: self.decision.approve}

    def rejected_card(self) -> WidgetItem | None:
        """Return the card as the claim stores it; None for an approval, which counts when its call is made."""
        return None if self.decision.approve else answered(self.card, "rejected")

    def refusal(self, row: Row | None) -> ConflictError:
        """Return why its claim has met another one.

        Args:
            row: The run as that one has left it, if it is still there.
        """
        call_id = self.decision.call_id
        if row is None or call_id not in row["waiting"] or call_id in answers_of(row) or row.get("deciding") == call_id:
            return AnsweredError()
        return RunGoesOnError(retry_after=DECIDED_IN_SECONDS)

    def claim(self, turn_id: str, context: RequestContext) -> Write:
        """Return the write that takes the decision, unless the run has changed since it was read."""
        self.turn_id = turn_id
        return Write(
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


def answers_of(row: Row) -> dict[str, bool]:
    """Return what has been decided of a run's calls, whether or not its outcome is known."""
    # Rows of schema version 1 have one answer, taken when the run was resumed.
    first = {row["answered_call"]: row["answered_as"]} if "answered_call" in row else {}
    return {**first, **row.get("answers", {})}


def run_key(run_id: str, thread_id: str, context: RequestContext) -> Key:
    """Return the key of a run of the caller's that waits."""
    caller = context.caller
    return Key(caller.thread(thread_id).partition, keys.held_run_sk(run_id))


async def load_decision(
    action: Action[str, Any], item_id: str | None, thread_id: str, running: str | None, context: RequestContext
) -> HeldDecision:
    """Return what a click decides.

    Args:
        action: The click.
        item_id: The card that it names, if it names one. The run's own card counts.
        thread_id: The thread.
        running: The id of the turn that runs there, if one does.
        context: The request.

    Raises:
        InvalidRequestError: the payload does not fit.
        NotFoundError: no such run waits in this thread, or not for this call; or its card has been removed.
        AnsweredError: it has been answered, or is being answered.
        RunGoesOnError: another call of its run is being answered.
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
        # Rows of earlier releases do not say which call they were claimed for.
        same = row.get("deciding", decision.call_id) == decision.call_id
        raise AnsweredError if same else RunGoesOnError(retry_after=DECIDED_IN_SECONDS)
    # Rows of schema version 1 do not know their cards.
    card_id = row.get("cards", {}).get(decision.call_id, item_id)
    if card_id is None:
        raise InvalidRequestError("The action does not name its card.")
    card = await thread_store(context.resources).load_item(thread_id, card_id, context)
    if not isinstance(card, WidgetItem):
        raise InvalidRequestError("An action comes from a widget.")
    return HeldDecision(decision, row, card)
