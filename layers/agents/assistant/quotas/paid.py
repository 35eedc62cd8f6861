"""Claim a paid or expensive action before it runs. Each kind has its own quota, and all of them share the money.

| kind | quota | price |
|---|---|---|
| a turn (`assistant.quotas.turn`), with its title and its answers | turns, tokens | the models' tokens |
| a transcription | `QUOTA_TRANSCRIPTIONS_PER_MINUTE` | the recording's minutes |
| a picture | `QUOTA_PICTURES_PER_DAY` | one picture |
| an upload | `QUOTA_UPLOADS_PER_DAY` | none |
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from assistant import clock
from assistant.aws import ConditionFailedError, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import QuotaExceededError, StoreUnavailableError
from assistant.prices import millionths
from assistant.quotas import window
from assistant.quotas.live import live_key
from assistant.quotas.rows import Counting, until_tomorrow

logger = logging.getLogger(__name__)

Kind = Literal["transcription", "picture", "upload"]

_COUNTERS: dict[Kind, str] = {"transcription": "transcriptions", "picture": "pictures", "upload": "uploads"}
_LOG = "dictated"


@dataclass(frozen=True)
class Claimed:
    """A claimed action.

    Attributes:
        kind: Its kind.
        day: The sort key of the day that it is counted on.
        spend: The millionths of a dollar that are counted for it.
    """

    kind: Kind
    day: str
    spend: int


def has_picture_limit(context: RequestContext) -> bool:
    """Tell whether pictures need a claim: a limit on pictures or on money is set."""
    quota = context.settings.user_quota
    return quota.pictures_per_day is not None or quota.spend_per_day is not None


async def claim(kind: Kind, context: RequestContext, dollars: float = 0.0) -> Claimed:
    """Count an action, on condition that its limits allow it.

    Args:
        kind: The kind.
        context: The request's context.
        dollars: The price; an estimate that `settle` replaces.

    Raises:
        QuotaExceededError: a limit is reached.
    """
    quota, claimed = context.settings.user_quota, Claimed(kind, keys.day_usage_sk(clock.now()), millionths(dollars))
    day = Counting(Key(context.caller.partition, claimed.day))
    day.add(_COUNTERS[kind], 1)
    limit = {"picture": quota.pictures_per_day, "upload": quota.uploads_per_day}.get(kind)
    if limit is not None:
        day.below(_COUNTERS[kind], limit)
    if claimed.spend:
        day.add("spend", claimed.spend)
        if quota.spend_per_day is not None:
            day.below("spend", millionths(quota.spend_per_day))
    writes = [day.write()]
    if kind == "transcription" and quota.transcriptions_per_minute is not None:
        live = Counting(live_key(context))
        window.enter(live, _LOG, quota.transcriptions_per_minute)
        writes.append(live.write())
    try:
        await _apply(writes, context)
    except ConditionFailedError as error:
        if len(writes) > 1 and 1 in (error.index, *(index for index, _ in error.others)):
            row = dict([(error.index, error.row), *error.others])[1] or {}
            wait = window.seconds_to_wait(row, _LOG, quota.transcriptions_per_minute)
            raise QuotaExceededError(retry_after=max(wait, 1.0)) from None
        raise QuotaExceededError(retry_after=until_tomorrow()) from None
    return claimed


async def settle(claimed: Claimed, context: RequestContext, *, dollars: float, count: int = 1) -> None:
    """Replace the estimate of a claim by what the action has cost. A failure here does not fail the request.

    Args:
        claimed: The claim.
        context: The request's context.
        dollars: The price of all actions.
        count: How many actions it was in the end.
    """
    day = Counting(Key(context.caller.partition, claimed.day))
    day.add("spend", millionths(dollars) - claimed.spend)
    day.add(_COUNTERS[claimed.kind], count - 1)
    writes = [day.write()]
    if claimed.kind == "transcription" and context.settings.user_quota.transcriptions_per_minute is not None:
        live = Counting(live_key(context))
        window.shorten(live, _LOG, context.settings.user_quota.transcriptions_per_minute)
        writes.append(live.write())
    try:
        await _apply(writes, context)
    except StoreUnavailableError:
        logger.warning("the price of a %s could not be corrected", claimed.kind)


async def _apply(writes: list[Write], context: RequestContext) -> None:
    table = context.resources.table
    if len(writes) > 1:
        await table.transact(writes)
        return
    (write,) = writes
    await table.update(write.key, write.update or "", condition=write.condition, names=write.names, values=write.values)
