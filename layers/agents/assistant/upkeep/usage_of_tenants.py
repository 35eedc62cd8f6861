"""The usage of a tenant by user, model and day, for an admin. It is added up from the counters of the users' days.

The tenant itself has no row that all its turns write. So a look reads the users' rows, a page of users at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from urllib.parse import unquote

from assistant import clock
from assistant.aws import keys
from assistant.context import Resources
from assistant.cursors import cursor_of, place_of
from assistant.errors import InvalidRequestError
from assistant.identity import Caller
from assistant.prices import MILLION
from assistant.quotas import DAY_LIFETIME, usage_by_model

# Users that one look reads, each with one Query. A larger tenant takes several looks.
MAX_USERS = 200
# Fewer than the threads that wait for DynamoDB.
USERS_AT_ONCE = 8
# The counters of a day are kept this long.
MAX_DAYS = DAY_LIFETIME.days
DEFAULT_DAYS = 30
# Documents of a user that are counted. Nobody has more.
MAX_DOCUMENTS = 1_000

By = Literal["entry", "day", "user", "model", "tenant"]


@dataclass(frozen=True)
class Used:
    """What was used, of one user, one model and one day, or a sum of such entries.

    Attributes:
        day: The UTC day; None in a sum over days.
        user_id: The user; None in a sum over users.
        model: The model; None in a sum over models, and for what no model's tokens have cost.
        turns: The turns. A turn that has called two models counts for each of them.
        tokens: The tokens, input and output.
        spend: Their price in millionths of a dollar.
        pictures: The pictures.
        transcriptions: The recordings.
        uploads: The uploaded files.
        documents: The documents that were read for the knowledge.
    """

    day: str | None = None
    user_id: str | None = None
    model: str | None = None
    turns: int = 0
    tokens: int = 0
    spend: int = 0
    pictures: int = 0
    transcriptions: int = 0
    uploads: int = 0
    documents: int = 0

    def shown(self) -> dict[str, object]:
        """Return the entry for an answer."""
        return {
            "day": self.day,
            "user_id": self.user_id,
            "model": self.model,
            "turns": self.turns,
            "tokens": self.tokens,
            "dollars": self.spend / MILLION,
            "pictures": self.pictures,
            "transcriptions": self.transcriptions,
            "uploads": self.uploads,
            "documents": self.documents,
        }


_COUNTS = ("turns", "tokens", "spend", "pictures", "transcriptions", "uploads", "documents")


@dataclass(frozen=True)
class TenantUsage:
    """A look at a tenant's usage.

    Attributes:
        entries: The entries or sums, by day, user and model.
        stored_documents: The documents that the tenant and each of these users have now, the tenant's under None.
        following: The `after` of the next look; None if all users are in this one.
    """

    entries: Sequence[Used]
    stored_documents: dict[str | None, int] = field(default_factory=dict)
    following: str | None = None


def period(first: str | None, last: str | None) -> tuple[date, date]:
    """Return the days of a look.

    Args:
        first: The first day, `YYYY-MM-DD`; by default `DEFAULT_DAYS` days with the last one.
        last: The last day; by default today, UTC.

    Raises:
        InvalidRequestError: a day is not valid or in the future, or the period is longer than the counters are kept.
    """
    try:
        end = clock.now().date() if last is None else date.fromisoformat(last)
        begin = end - timedelta(days=DEFAULT_DAYS - 1) if first is None else date.fromisoformat(first)
    except ValueError:
        raise InvalidRequestError("A day must be like 2026-01-31.") from None
    # Tomorrow is today in some places.
    if end > clock.now().date() + timedelta(days=1):
        raise InvalidRequestError("The last day is in the future.")
    if not 0 <= (end - begin).days < MAX_DAYS:
        raise InvalidRequestError(f"A period has 1 to {MAX_DAYS} days.")
    return begin, end


async def tenant_usage(
    resources: Resources,
    tenant_id: str,
    days: tuple[date, date],
    *,
    by: By = "entry",
    user_id: str | None = None,
    after: str | None = None,
) -> TenantUsage:
    """Return the usage of the next `MAX_USERS` users of a tenant.

    Args:
        resources: The process's table.
        tenant_id: The tenant.
        days: The first and the last day.
        by: What to add up: the entries of each day, user or model, all of them, or none.
        user_id: Only this user.
        after: The `following` of the look before. Add the sums of all looks.

    Raises:
        InvalidRequestError: `after` is no cursor of this tenant.
    """
    users, following = ([user_id], None) if user_id is not None else await _users(resources, tenant_id, after)
    entries: list[Used] = []
    documents: dict[str | None, int] = {}
    if user_id is None and after is None:
        documents[None] = await _documents(resources, keys.tenant_partition(tenant_id))
    for start in range(0, len(users), USERS_AT_ONCE):
        some = users[start : start + USERS_AT_ONCE]
        for user, (found, count) in zip(
            some, await asyncio.gather(*(_of_user(resources, tenant_id, each, days) for each in some)), strict=True
        ):
            entries += found
            if count:
                documents[user] = count
    return TenantUsage(_summed(entries, by), documents, following)


async def _users(resources: Resources, tenant_id: str, after: str | None) -> tuple[list[str], str | None]:
    partition = keys.tenant_partition(tenant_id)
    rows, more = await resources.table.query(
        partition,
        after=None if after is None else keys.member_key(tenant_id, place_of(after, partition)).sk,
        between=(keys.MEMBER_PREFIX, keys.MEMBER_END),
        limit=MAX_USERS,
    )
    users = [unquote(row["sk"].removeprefix(keys.MEMBER_PREFIX)) for row in rows]
    return users, cursor_of(users[-1], partition) if more and users else None


async def _of_user(
    resources: Resources, tenant_id: str, user_id: str, days: tuple[date, date]
) -> tuple[list[Used], int]:
    """Return a user's entries, and the number of the user's documents."""
    partition = Caller(tenant_id, user_id).partition
    first, last = (keys.day_usage_sk(datetime(each.year, each.month, each.day, tzinfo=UTC)) for each in days)
    (rows, _), documents = await asyncio.gather(
        resources.table.query(partition, between=(first, last), limit=MAX_DAYS + 1), _documents(resources, partition)
    )
    entries = []
    prefix = len(keys.USAGE_PREFIX) + 1
    for row in rows:
        day = Used(
            day=row["sk"][prefix:],
            user_id=user_id,
            turns=row.get("turns", 0),
            tokens=row.get("tokens", 0) - row.get("reserved_tokens", 0),
            spend=row.get("spend", 0) - row.get("reserved_spend", 0),
            pictures=row.get("pictures", 0),
            transcriptions=row.get("transcriptions", 0),
            uploads=row.get("uploads", 0),
            documents=row.get("documents", 0),
        )
        entries += _by_model(day, row)
    return entries, documents


def _by_model(day: Used, row: dict[str, object]) -> list[Used]:
    """Split a day by model. What no model's counters have, such as recordings and days of earlier releases, is left."""
    models = [
        Used(day=day.day, user_id=day.user_id, model=model, turns=used.turns, tokens=used.tokens, spend=used.spend)
        for model, used in sorted(usage_by_model(row).items())
    ]
    rest = replace(
        day,
        # A turn may have called several models, or none.
        turns=max(0, day.turns - sum(each.turns for each in models)),
        tokens=max(0, day.tokens - sum(each.tokens for each in models)),
        spend=max(0, day.spend - sum(each.spend for each in models)),
    )
    return [*models, *([rest] if any(getattr(rest, name) for name in _COUNTS) else [])]


async def _documents(resources: Resources, partition: str) -> int:
    if not resources.settings.knowledge.on:
        return 0
    rows, _ = await resources.table.query(
        partition, between=(keys.DOCUMENT_PREFIX, keys.DOCUMENT_PREFIX + "~"), limit=MAX_DOCUMENTS
    )
    return len(rows)


def _summed(entries: Sequence[Used], by: By) -> list[Used]:
    if by == "entry":
        return sorted(entries, key=lambda each: (each.day or "", each.user_id or "", each.model or "~"))
    sums: dict[tuple[str | None, str | None, str | None], Used] = {}
    for each in entries:
        kept = Used(
            day=each.day if by == "day" else None,
            user_id=each.user_id if by == "user" else None,
            model=each.model if by == "model" else None,
        )
        key = kept.day, kept.user_id, kept.model
        before = sums.get(key, kept)
        sums[key] = replace(before, **{name: getattr(before, name) + getattr(each, name) for name in _COUNTS})
    return sorted(sums.values(), key=lambda each: (each.day or "", each.user_id or "", each.model or "~"))
