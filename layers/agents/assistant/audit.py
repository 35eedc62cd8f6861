"""The audit trail: who did what, as a row and as a log line, without texts.

The rows are in the tenant's partition, the newest last. They expire after `AUDIT_DAYS`. They name users by the hash
that the log has too, so an erased user leaves no name behind. Actions on the whole deployment have their own partition.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from assistant import clock
from assistant.aws import Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.errors import StoreUnavailableError
from assistant.identity import Caller
from assistant.ids import uuid7
from assistant.observability import audited, user_hash

_logger = logging.getLogger(__name__)

Action = Literal[
    "audit.read",
    "call.approved",
    "call.rejected",
    "data.exported",
    "data.imported",
    "document.added",
    "document.removed",
    "document.replaced",
    "file.deleted",
    "limits.changed",
    "models.started",
    "models.stopped",
    "person.asked",
    "share.created",
    "share.revoked",
    "tenant.erased",
    "thread.answered",
    "thread.deleted",
    "thread.file_opened",
    "thread.handed_back",
    "thread.read",
    "thread.taken_over",
    "threads.taken_along",
    "usage.read",
    "user.erased",
]

SCHEMA_VERSION = 1
# The operator's commands do not know who runs them. CloudTrail does.
OPERATOR = "operator"
PAGE_ROWS = 100
# Reading this many entries takes a second or two.
MAX_SEARCHED = 5_000
# Attributes that say how a row is stored.
_STORAGE = {"pk", "sk", "schema_version", "ttl"}


@dataclass(frozen=True)
class Entry:
    """One entry of the audit trail.

    Attributes:
        write: The write of its row, for the transaction of the action.
        line: The content of its log line.
    """

    write: Write
    line: dict[str, Any]

    def log(self) -> None:
        """Write the log line. Call this after the row is stored."""
        audited(self.line)


def entry(
    resources: Resources,
    action: Action,
    *,
    by: Caller | None,
    tenant_id: str | None,
    about: str | None = None,
    **details: str | float | bool | None,
) -> Entry:
    """Return the entry of an action that happens now.

    Args:
        resources: The settings.
        action: The action.
        by: The user who acts; None for the operator.
        tenant_id: The tenant whose trail gets the entry; None for the deployment's.
        about: The id of the user that the action concerns, if that is another one or if the operator acts.
        details: Ids, numbers and names of settings. Never a text that a user wrote.
    """
    now = clock.now()
    line: dict[str, Any] = {
        "action": action,
        "by": OPERATOR if by is None else _hash(resources, tenant_id, by.user_id),
        **({} if by is None else {"role": by.role}),
        **({} if about is None else {"about": _hash(resources, tenant_id, about)}),
        **{name: value for name, value in details.items() if value is not None},
    }
    row = {
        **line,
        "schema_version": SCHEMA_VERSION,
        "at": now.isoformat(),
        "ttl": int((now + timedelta(days=resources.settings.audit_days)).timestamp()),
    }
    key = Key(keys.audit_partition(tenant_id), keys.audit_sk(uuid7()))
    return Entry(Write(key, put=row), {**({} if tenant_id is None else {"tenant_id": tenant_id}), **line})


async def record(resources: Resources, made: Entry) -> None:
    """Store an entry that is part of no transaction. If the table is unavailable, only the log has it."""
    try:
        await resources.table.transact([made.write])
    except StoreUnavailableError:
        _logger.warning("an entry of the audit trail could not be stored")
    made.log()


async def page(
    resources: Resources,
    tenant_id: str | None,
    *,
    user_id: str | None = None,
    after: str | None = None,
    most: int = PAGE_ROWS,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return entries, the newest first, and the cursor of the next page; None if there are no more.

    With a user, a page can be short or empty although more follow, because at most `MAX_SEARCHED` entries are read.

    Args:
        resources: The table.
        tenant_id: The tenant; None for the entries of the whole deployment.
        user_id: Return only entries about this user, and those of this user's own actions.
        after: The cursor.
        most: The greatest number of entries.
    """
    wanted = None if user_id is None else _hash(resources, tenant_id, user_id)
    pk, between = keys.audit_partition(tenant_id), (keys.AUDIT_PREFIX, keys.AUDIT_END)
    cursor, more, searched = None if after is None else keys.audit_sk(after), True, 0
    found: list[dict[str, Any]] = []
    while more and len(found) < most and searched < MAX_SEARCHED:
        limit = most - len(found) if wanted is None else PAGE_ROWS
        rows, more = await resources.table.query(pk, after=cursor, between=between, descending=True, limit=limit)
        for index, row in enumerate(rows):
            cursor = row["sk"]
            if wanted is None or wanted in (row.get("by"), row.get("about")):
                found.append(_shown(row))
                if len(found) == most:
                    more = more or index + 1 < len(rows)
                    break
        searched += len(rows)
    return found, cursor.removeprefix(keys.AUDIT_PREFIX) if more and cursor is not None else None


async def entries(
    resources: Resources, tenant_id: str | None, *, user_id: str | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Yield all entries of a trail, or of one user, the newest first."""
    after: str | None = None
    while True:
        found, after = await page(resources, tenant_id, user_id=user_id, after=after)
        for each in found:
            yield each
        if after is None:
            return


def _hash(resources: Resources, tenant_id: str | None, user_id: str) -> str:
    """Return the hash of a user in a trail: in a tenant's trail, the same as in the log lines of turns."""
    return user_hash(tenant_id or "", user_id, resources.settings.user_hash_salt)


def _shown(row: Row) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name not in _STORAGE}
    return {"id": row["sk"].removeprefix(keys.AUDIT_PREFIX), **shown}
