"""The user's answer to a call that waits for approval, as far as it is judged before a run goes on with it.

Light: a click is looked at here before its turn is claimed, so that one which cannot count ends nobody's turn.
"""

from __future__ import annotations

from typing import Any

from chatkit.actions import Action
from pydantic import BaseModel, ValidationError

from assistant import keys
from assistant.context import RequestContext
from assistant.errors import ConflictError, InvalidRequestError, NotFoundError
from assistant.keys import Key
from assistant.table import Row
from assistant.threads.rows import now

# The type of a click on a card that asks for approval.
DECIDE = "approval.decide"


class AnsweredError(ConflictError):
    """Another answer has been taken."""

    default_message = "This has been answered already."


class Decision(BaseModel):
    """What such a click carries."""

    run_id: str
    call_id: str
    approve: bool


def read_decision(action: Action[str, Any]) -> Decision:
    """Return what a click says.

    Raises:
        InvalidRequestError: the payload does not fit.
    """
    try:
        return Decision.model_validate(action.payload)
    except ValidationError:
        raise InvalidRequestError("The action's payload is not valid.") from None


def run_key(run_id: str, thread_id: str, context: RequestContext) -> Key:
    """Return the key of a run of the caller's that waits."""
    caller = context.caller
    return Key(keys.thread_partition(caller.tenant_id, caller.user_id, thread_id), keys.held_run_sk(run_id))


async def load_run(decision: Decision, thread_id: str, context: RequestContext) -> Row:
    """Return the run that waits for a decision, as it is stored.

    Raises:
        NotFoundError: no such run waits in this thread, or not for this call.
        ConflictError: it is being resumed already, or was answered otherwise.
    """
    row = await context.resources.table.get(run_key(decision.run_id, thread_id, context))
    moment = now().timestamp()
    if row is None or row["expires_at"] < moment or decision.call_id not in row["waiting"]:
        raise NotFoundError("This does not wait for an answer any more.")
    if "claimed_until" in row:
        given = row["answered_call"], row["answered_as"]
        if given != (decision.call_id, decision.approve) or row["claimed_until"] >= moment:
            raise AnsweredError
    return row
