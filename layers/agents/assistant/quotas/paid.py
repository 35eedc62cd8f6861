"""Claim a paid or expensive action before it runs. Each kind has its own quota, and all of them share the money.

| kind | quota | price |
|---|---|---|
| a turn (`assistant.quotas.turn`), with its title and its answers | turns, tokens | the models' tokens |
| a transcription | `QUOTA_TRANSCRIPTIONS_PER_MINUTE` | the recording's minutes |
| a picture | `QUOTA_PICTURES_PER_DAY` | one picture |
| an upload, or the copy of a file | `QUOTA_UPLOADS_PER_DAY` | none |
| a fork | `MAX_FORKS_PER_DAY` | none |
| a document that is read (`assistant.knowledge`) | none | the tokens of its embeddings |
| a search of documents | none | the tokens of its embedding |
| facts found in a message (`assistant.memory`) | none | the model's tokens |
| a job (`assistant.jobs`) | `MAX_JOBS_PER_DAY` | none |
| a model call of a job (`Job.run_agent`) | tokens | the model's tokens |
| a share | `MAX_SHARES_PER_DAY` | none |
| a question for a person | `MAX_QUESTIONS_PER_DAY` | none |
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from assistant import clock
from assistant.aws import MAX_ROUNDS, ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import ConflictError, QuotaExceededError, StoreUnavailableError
from assistant.files import member_write
from assistant.prices import millionths
from assistant.quotas import window
from assistant.quotas.estimates import Amount
from assistant.quotas.live import live_key
from assistant.quotas.models import model_counters
from assistant.quotas.records import check_running, claimed_row, learn, limits_of, load_records
from assistant.quotas.rows import Counting, until_tomorrow
from assistant.quotas.settlement import Settlement
from assistant.quotas.shards import Shard

logger = logging.getLogger(__name__)

Kind = Literal[
    "transcription", "picture", "upload", "fork", "share", "job", "call", "document", "search", "extraction", "person"
]

_COUNTERS: dict[Kind, str] = {
    "transcription": "transcriptions",
    "picture": "pictures",
    "upload": "uploads",
    "fork": "forks",
    "document": "documents",
    "search": "searches",
    "share": "shares",
    "extraction": "extractions",
    "job": "jobs",
    "call": "job_calls",
    "person": "questions",
}
# A fork of a long thread costs a cent. Nobody makes more by hand.
MAX_FORKS_PER_DAY = 200
# A job runs for minutes or hours.
MAX_JOBS_PER_DAY = 100
# Nobody sends more links by hand.
MAX_SHARES_PER_DAY = 200
# Each one is an entry of the audit trail, and somebody of the staff looks at it.
MAX_QUESTIONS_PER_DAY = 50
_LOG = "dictated"


@dataclass(frozen=True)
class Claimed:
    """A claimed action.

    Attributes:
        kind: Its kind.
        day: The sort key of the day that it is counted on.
        spend: The millionths of a dollar that are counted for it.
        tenant_sk: The sort key of the tenant's row that counts them too; None if the tenant has no limit on money.
        tokens: The tokens that are counted for it.
        tenant_tokens_sk: The sort key of the tenant's row that counts these too; None without a limit on tokens.
    """

    kind: Kind
    day: str
    spend: int
    tenant_sk: str | None = None
    tokens: int = 0
    tenant_tokens_sk: str | None = None


def has_picture_limit(context: RequestContext) -> bool:
    """Tell whether pictures need a claim: a limit on pictures or on money is set."""
    limits = limits_of(context)
    return limits.user.pictures_per_day is not None or any(
        quota.spend_per_day is not None for quota in (limits.user, limits.tenant)
    )


async def claim(kind: Kind, context: RequestContext, dollars: float = 0.0, tokens: int = 0) -> Claimed:
    """Count an action, on condition that its limits allow it.

    Args:
        kind: The kind.
        context: The request's context.
        dollars: The price; an estimate that `settle` replaces.
        tokens: The tokens, if the limits on tokens hold for it; an estimate too.

    Raises:
        ModelsStoppedError: the operator has stopped all paid calls.
        QuotaExceededError: a limit is reached.
    """
    await load_records(context)
    check_running(context)
    day, spend = keys.day_usage_sk(clock.now()), millionths(dollars)
    shards = _shards(spend, tokens, context)
    for _ in range(MAX_ROUNDS):
        of = {shard.counter: shard.key.sk for shard in shards}
        claimed = Claimed(kind, day, spend, of.get("spend"), tokens, of.get("tokens"))
        of_tenant = [shard.spend(spend if shard.counter == "spend" else tokens).write() for shard in shards]
        try:
            # An erasure of the tenant that runs at this moment finds the counters by the last row in its second round.
            await context.resources.table.transact(
                [*_writes(claimed, context), *of_tenant, member_write(context.caller)]
            )
        except ConditionFailedError as error:
            failed: Mapping[int, Row | None] = dict([(error.index, error.row), *error.others])
            if min(failed) >= _TENANT:
                # A full shard has others beside it.
                found = [
                    await shard.other(context.resources.table) if _TENANT + number in failed else shard
                    for number, shard in enumerate(shards)
                ]
                shards = [shard for shard in found if shard is not None]
                if len(shards) == len(found):
                    continue
            if _LIVE not in failed:
                raise QuotaExceededError(retry_after=until_tomorrow()) from None
            if learn(failed[_LIVE], context):
                continue
            limit = limits_of(context).user.transcriptions_per_minute
            wait = window.seconds_to_wait(failed[_LIVE] or {}, _LOG, limit)
            raise QuotaExceededError(retry_after=max(wait, 1.0)) from None
        return claimed
    raise ConflictError


# The indexes of the writes of the user's row of now and of the tenant's first row.
_LIVE, _TENANT = 0, 2


def _shards(spend: int, tokens: int, context: RequestContext) -> list[Shard]:
    quota, tenant_id = limits_of(context).tenant, context.caller.tenant_id
    shards = []
    if quota.spend_per_day is not None and spend:
        shards.append(Shard.chosen(tenant_id, "spend", millionths(quota.spend_per_day)))
    if quota.tokens_per_day is not None and tokens:
        shards.append(Shard.chosen(tenant_id, "tokens", quota.tokens_per_day))
    return shards


def _writes(claimed: Claimed, context: RequestContext) -> list[Write]:
    quota, counter = limits_of(context).user, _COUNTERS[claimed.kind]
    live = claimed_row(context)
    if claimed.kind == "transcription":
        window.enter(live, _LOG, quota.transcriptions_per_minute)
    day = Counting(Key(context.caller.partition, claimed.day))
    day.add(counter, 1)
    limits = {
        "picture": quota.pictures_per_day,
        "upload": quota.uploads_per_day,
        "fork": MAX_FORKS_PER_DAY,
        "share": MAX_SHARES_PER_DAY,
        "job": MAX_JOBS_PER_DAY,
        "person": MAX_QUESTIONS_PER_DAY,
    }
    limit = limits.get(claimed.kind)
    if limit is not None:
        day.below(counter, limit)
    if claimed.spend:
        day.add("spend", claimed.spend)
        if quota.spend_per_day is not None:
            day.below("spend", millionths(quota.spend_per_day))
    if claimed.tokens:
        day.add("tokens", claimed.tokens)
        if quota.tokens_per_day is not None:
            day.below("tokens", quota.tokens_per_day)
    return [live.write(), day.write()]


async def settle(
    claimed: Claimed,
    context: RequestContext,
    *,
    dollars: float,
    count: int = 1,
    models: Mapping[str, Amount] | None = None,
) -> None:
    """Replace the estimate of a claim by what the action has cost. A failure here does not fail the request.

    Args:
        claimed: The claim.
        context: The request's context.
        dollars: The price of all actions.
        count: How many actions it was in the end.
        models: What it has used by model. Its tokens count for the day too.
    """
    change = millionths(dollars) - claimed.spend
    used = sum(amount.tokens for amount in (models or {}).values()) - claimed.tokens
    day = Counting(Key(context.caller.partition, claimed.day))
    day.add("spend", change)
    day.add(_COUNTERS[claimed.kind], count - 1)
    if used:
        day.add("tokens", used)
    if models:
        for counter, amount in model_counters(models, turns=0).items():
            day.add(counter, amount)
    live = Counting(live_key(context), lifetime=None)
    if claimed.kind == "transcription":
        window.shorten(live, _LOG, limits_of(context).user.transcriptions_per_minute)
    try:
        await context.resources.table.transact([day.write(), live.write()])
        tenant = {claimed.tenant_sk: {"spend": change}, claimed.tenant_tokens_sk: {"tokens": used}}
        counted = {sk: changes for sk, changes in tenant.items() if sk is not None}
        if counted:
            await Settlement(tenant=counted).count_for_tenant(context)
    except StoreUnavailableError:
        logger.warning("the price of a %s could not be corrected", claimed.kind)
