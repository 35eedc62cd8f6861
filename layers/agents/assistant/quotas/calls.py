"""Reserve what the next model call of a turn needs. The claim of the turn has reserved the first call."""

from __future__ import annotations

from collections.abc import Callable

from assistant.context import RequestContext
from assistant.models import current_meter
from assistant.quotas.estimates import estimate_call
from assistant.quotas.records import limits_of
from assistant.quotas.share import current_share


async def reserve_call(context: RequestContext, model: str | None, tokens: Callable[[], int]) -> None:
    """Let the turn's next model call begin, if the day's limits allow what it needs beyond the reservation.

    Args:
        context: The turn's context.
        model: The model.
        tokens: Returns the estimated tokens of the call's input; called only if a limit needs it.

    Raises:
        TurnOverLimitError: a limit of the day is reached.
    """
    share, limits = current_share(), limits_of(context)
    # The claim has reserved the first call. The title's call beside it is no reason to refuse the answer.
    if share is None or share.begin_call():
        return
    if any(
        quota.tokens_per_day is not None or quota.spend_per_day is not None for quota in (limits.user, limits.tenant)
    ):
        await share.grow(context, current_meter(), estimate_call(model, tokens(), context.settings))
