"""Take a visitor's threads along: they become the threads of the user as whom the visitor has signed in.

The first write is work for the sweep. So if the process dies, the sweep moves the rest. All of it can be repeated.
The threads keep their ids. Files, idempotency keys and the facts of the memory move too. Usage and the agents' own
records stay.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from assistant import audit, clock
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext, Resources
from assistant.errors import TooLargeError
from assistant.files import move_unsent
from assistant.identity import Caller
from assistant.memory import take_facts_along
from assistant.threads import SCHEMA_VERSION, can_move, hide_thread, is_visible, move_hidden_thread, moving_to

TAKE_ALONG_KIND = "take_along"
# More than a visitor has. Each thread costs some writes, which nobody pays for.
MAX_THREADS = 500
PAGE_ROWS = 50
# A second message may start a turn between its end and the step that hides the thread.
HIDE_ATTEMPTS = 3
# Each idempotency key takes two writes of a transaction.
KEYS_AT_ONCE = 25


async def request_take_along(resources: Resources, visitor: Caller, user: Caller) -> Row:
    """Write the work that gives a visitor's threads to a user.

    Raises:
        TooLargeError: the visitor has more than `MAX_THREADS` threads. Nothing moves.
    """
    now = clock.now()
    count = await _count(resources, visitor, now)
    if count > MAX_THREADS:
        raise TooLargeError(f"At most {MAX_THREADS} conversations can be taken along. Please delete some first.")
    work: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": TAKE_ALONG_KIND,
        "tenant_id": user.tenant_id,
        "user_id": user.user_id,
        "visitor_tenant_id": visitor.tenant_id,
        "visitor_id": visitor.user_id,
        "cutoff": now.isoformat(),
    }
    key = keys.sweep_key(now, f"{visitor.partition}>{user.partition}", TAKE_ALONG_KIND)
    mark = {name: value for name, value in work.items() if name != "kind"}
    writes = [Write(key, put=work), Write(_mark_key(work), put=mark)]
    if not count:
        await resources.table.transact(writes)
        return {**work, **key._asdict()}
    note = audit.entry(
        resources,
        "threads.taken_along",
        by=user,
        tenant_id=user.tenant_id,
        about=visitor.user_id,
        threads=count,
    )
    await resources.table.transact([*writes, note.write])
    note.log()
    return {**work, **key._asdict()}


def _mark_key(work: Row) -> Key:
    """Return the key of the row by which an erasure of the user finds the work."""
    user = Caller(work["tenant_id"], work["user_id"])
    return Key(user.partition, keys.taken_along_sk(work["visitor_id"]))


async def _count(resources: Resources, visitor: Caller, until: datetime) -> int:
    return len([row async for row in _listed(resources, visitor, until)])


async def _listed(resources: Resources, visitor: Caller, until: datetime) -> Any:
    between = (keys.THREAD_LIST_PREFIX, keys.threads_until(until))
    async for row in resources.table.rows(visitor.partition, between=between, page=PAGE_ROWS):
        if can_move(row):
            yield row


async def take_along(resources: Resources, work: Row, *, time_is_up: Callable[[], bool] = lambda: False) -> bool:
    """Do the work, or go on with it. Threads that the visitor starts later stay with the visitor.

    Args:
        resources: The process's table and bucket.
        work: The row that `request_take_along` has written. The caller removes it when everything has moved.
        time_is_up: Called between two threads; True ends the work early.

    Returns:
        Whether everything has moved. A thread with a turn that cannot be ended stays for the next attempt.
    """
    visitor, user = _parties(work)
    complete = True
    async for row in _listed(resources, visitor, datetime.fromisoformat(work["cutoff"])):
        if time_is_up():
            return False
        if moving_to(row) is None and not await _hide(resources, visitor, row, user):
            complete = False
        # A thread that moves to another user has work of its own.
        elif moving_to(row) in (None, user):
            await move_hidden_thread(resources, visitor, row, user)
    if not complete or not await move_unsent(resources, visitor, user, time_is_up=time_is_up):
        return False
    await _move_keys(resources, visitor, user)
    await take_facts_along(resources, visitor, user)
    mark = Write(_mark_key(work), delete=True, condition="cutoff = :cutoff", values={":cutoff": work["cutoff"]})
    try:
        await resources.table.transact([mark])
    except ConditionFailedError:
        return True  # A later request has work of its own.
    return True


def _parties(work: Row) -> tuple[Caller, Caller]:
    visitor = Caller(work["visitor_tenant_id"], work["visitor_id"], visitor=True)
    return visitor, Caller(work["tenant_id"], work["user_id"])


async def left_to_take_along(resources: Resources, work: Row) -> list[str]:
    """Return the ids of the threads that have not moved yet, without those that move to another user."""
    visitor, user = _parties(work)
    listed = _listed(resources, visitor, datetime.fromisoformat(work["cutoff"]))
    return [row["id"] async for row in listed if moving_to(row) in (None, user)]


async def count_taken_along(resources: Resources, work: Row, thread_ids: list[str]) -> int:
    """Return how many of these threads the user has now. Another user may have taken some at the same time."""
    user = _parties(work)[1]
    metadata = [Key(user.thread(thread_id).partition, keys.META_SK) for thread_id in thread_ids]
    return len([row for row in (await resources.table.get_many(metadata)).values() if is_visible(row)])


async def _hide(resources: Resources, visitor: Caller, row: Row, user: Caller) -> bool:
    """Hide a thread that moves. Return whether it is hidden or gone; False if a turn still runs."""
    # Imported here so that the sweep starts without the turns.
    from assistant import turns

    context = RequestContext(visitor, resources)
    for _ in range(HIDE_ATTEMPTS):
        if not await turns.end_turn(context, row["id"]):
            return False
        if await hide_thread(resources, visitor, row, user):
            return True
        current = await resources.table.get(Key(visitor.partition, row["sk"]))
        if current is None or not can_move(current) or moving_to(current) is not None:
            return True
    return False


async def _move_keys(resources: Resources, visitor: Caller, user: Caller) -> None:
    """Move the idempotency keys: a message that the client sends again is still the same message."""
    between = (keys.IDEMPOTENCY_PREFIX, keys.IDEMPOTENCY_END)
    rows = [row async for row in resources.table.rows(visitor.partition, between=between, page=PAGE_ROWS)]
    for start in range(0, len(rows), KEYS_AT_ONCE):
        writes: list[Write] = []
        for row in rows[start : start + KEYS_AT_ONCE]:
            content = {name: value for name, value in row.items() if name not in {"pk", "sk"}}
            writes += [
                Write(Key(row["pk"], row["sk"]), delete=True),
                Write(Key(user.partition, row["sk"]), put=content),
            ]
        await resources.table.transact(writes)
