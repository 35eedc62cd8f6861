"""The threads of a tenant that ask for a person.

A row of the tenant's partition names the thread. Staff name the row, never a user or a thread, so they reach no other
thread. A row of the thread's partition names the queue's row, so the thread's removal removes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

from assistant import audit, clock, quotas
from assistant.aws import MAX_ROUNDS, ConditionFailedError, Row, Write, keys, pause
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import ConflictError, NotFoundError
from assistant.identity import Caller
from assistant.text import one_line
from assistant.threads import (
    ASKED,
    HANDLED_BY,
    SCHEMA_VERSION,
    ThreadNotFoundError,
    is_visible,
    load_metadata,
    thread_store,
)

# A sentence or two about the question.
MAX_REASON_CHARACTERS = 500
# Threads that one page of the list has.
PAGE_ROWS = 100


@dataclass(frozen=True)
class Waiting:
    """A thread that asks for a person.

    Attributes:
        id: The id by which staff name it.
        owner: The thread's user.
        thread_id: The thread.
        row: The queue's row.
    """

    id: str
    owner: Caller
    thread_id: str
    row: Row

    def shown(self) -> Row:
        """Return what the list says about it."""
        wanted = ("title", "reason", "asked_at", "handled_by")
        return {"id": self.id, **{name: self.row.get(name) for name in wanted}}


def waiting_id(owner: Caller, thread_id: str) -> str:
    """Return the id of a thread in its tenant's queue. The id is always the same, so a thread is in the queue once."""
    return sha256(f"{owner.user_id}\n{thread_id}".encode()).hexdigest()[:32]


def queue_key(tenant_id: str, waiting: str) -> Key:
    """Return the key of a thread in its tenant's queue."""
    return Key(keys.tenant_partition(tenant_id), keys.waiting_sk(waiting))


async def ask(thread_id: str, reason: str, context: RequestContext) -> None:
    """Let a thread of the caller ask for a person. A thread that asks already, or has its person, is not changed.

    Args:
        thread_id: The thread.
        reason: What it is about, for the staff.
        context: A request of the thread's user.

    Raises:
        NotFoundError: the thread does not exist for this caller, or the deployment has no staff.
        InvalidRequestError: the reason is empty or too long.
        QuotaExceededError: the user has asked too often today.
    """
    if not context.settings.support_roles:
        raise NotFoundError("Nobody can answer here.")
    line = one_line(reason, MAX_REASON_CHARACTERS, "The reason")
    caller, now = context.caller, clock.now().isoformat()
    waiting = waiting_id(caller, thread_id)
    key, thread = queue_key(caller.tenant_id, waiting), caller.thread(thread_id)
    for round_number in range(MAX_ROUNDS):
        # A separate request, because a turn's request merges its own changes at its end.
        request = RequestContext(caller, context.resources, language=context.language)
        store = thread_store(context.resources)
        found = await store.load_thread(thread_id, request)
        if ASKED in found.metadata or HANDLED_BY in found.metadata:
            return
        if round_number == 0:
            await quotas.claim("person", context)
        found.metadata[ASKED] = {"at": now}
        writes, _ = store.change(found, request.loaded[thread_id].row, request)
        row = {
            "schema_version": SCHEMA_VERSION,
            "user_id": caller.user_id,
            "thread_id": thread_id,
            "reason": line,
            "asked_at": now,
            "language": context.language,
        }
        linked = {"schema_version": SCHEMA_VERSION, "linked": [list(key)]}
        note = audit.entry(
            context.resources, "person.asked", by=caller, tenant_id=caller.tenant_id, thread_id=thread_id
        )
        try:
            await context.resources.table.transact(
                [
                    *writes,
                    Write(key, put=row),
                    Write(Key(thread.partition, keys.linked_sk(waiting)), put=linked),
                    note.write,
                ]
            )
        except ConditionFailedError:
            await pause(round_number)
            continue
        note.log()
        return
    raise ConflictError


async def list_waiting(staff: RequestContext, after: str | None = None) -> tuple[list[Waiting], str | None]:
    """Return a page of the threads of the staff's tenant that ask for a person, and the `after` of the next page."""
    pk = keys.tenant_partition(staff.caller.tenant_id)
    cursor = None if after is None else keys.waiting_sk(after)
    between = (keys.WAITING_PREFIX, keys.WAITING_END)
    rows, more = await staff.resources.table.query(pk, after=cursor, between=between, limit=PAGE_ROWS)
    found = [_waiting(row, staff.caller.tenant_id) for row in rows]
    following = found[-1].id if more and found else None
    titles = await _titles(found, staff)
    found = [replace(each, row={**each.row, "title": titles.get(each.id)}) for each in found]
    return sorted(found, key=lambda each: str(each.row["asked_at"])), following


async def _titles(found: list[Waiting], staff: RequestContext) -> dict[str, str | None]:
    """Return the current titles of threads: the first turn sets a title at its end, and a user may change it."""
    by_key = {Key(each.owner.thread(each.thread_id).partition, keys.META_SK): each.id for each in found}
    metas = await staff.resources.table.get_many(list(by_key)) if by_key else {}
    return {by_key[key]: load_metadata(row).title for key, row in metas.items() if is_visible(row)}


async def find_waiting(waiting: str, staff: RequestContext) -> Waiting:
    """Return a thread of the staff's tenant that asks for a person, or has one.

    Raises:
        NotFoundError: no thread of the tenant has this id in the queue.
    """
    resources: Resources = staff.resources
    row = await resources.table.get(queue_key(staff.caller.tenant_id, waiting))
    if row is None:
        raise NotFoundError
    found = _waiting(row, staff.caller.tenant_id)
    meta = await resources.table.get(Key(found.owner.thread(found.thread_id).partition, keys.META_SK))
    if not is_visible(meta):
        raise ThreadNotFoundError(found.thread_id)
    return found


def _waiting(row: Row, tenant_id: str) -> Waiting:
    return Waiting(
        row["sk"].removeprefix(keys.WAITING_PREFIX), Caller(tenant_id, row["user_id"]), row["thread_id"], row
    )
