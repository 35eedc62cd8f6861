"""Begin a fork, continue it, and find the source of a fork.

One transaction writes metadata and a list entry that count as deleted, and work for the sweep. `copying` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assistant import clock, quotas
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import BeingErasedError, QuotaExceededError, ThreadLockedError, TooLargeError
from assistant.files import member_write
from assistant.forks.copying import copy_fork
from assistant.forks.origin import origin_of
from assistant.forks.rows import START, abandon, fork_work, meta_key, not_erased
from assistant.forks.selection import Selection, select
from assistant.ids import ID_PREFIXES, new_id
from assistant.threads import (
    SCHEMA_VERSION,
    RepeatKey,
    ThreadNotFoundError,
    is_visible,
    load_metadata,
    row_key,
    thread_store,
)


@dataclass(frozen=True)
class Fork:
    """A fork, complete or not.

    Attributes:
        thread_id: Its thread.
        ready: Whether it is complete, so that its user sees it.
        origin: What it was forked from; None for a thread that is no fork.
    """

    thread_id: str
    ready: bool
    origin: dict[str, object] | None


async def fork_thread(
    thread_id: str,
    item_id: str,
    context: RequestContext,
    *,
    before: bool = False,
    repeat: RepeatKey | None = None,
    time_is_up: Callable[[], bool] = lambda: False,
) -> Fork:
    """Copy a thread of the caller up to an item into a new thread.

    Args:
        thread_id: The source.
        item_id: The last item to copy.
        context: The request's context.
        before: Whether to copy only what is before that item, to ask its question in another way.
        repeat: The request's key. A second request with it continues the fork of the first.
        time_is_up: Called between two pages; True leaves the rest to `resume_fork` or to the sweep.

    Raises:
        NotFoundError: the thread or the item does not exist for this caller.
        ThreadLockedError: the thread is locked or closed.
        TurnRunningError: the item belongs to a turn that still runs.
        TooLargeError: the part has more than `MAX_ITEMS` items. Nothing is kept.
        QuotaExceededError: the user has made too many forks today, or copies too many files. Nothing is kept.
        BeingErasedError: the user's data is being erased.
        ConflictError: the key belongs to another request.
    """
    table = context.resources.table
    made = None if repeat is None else await repeat.made(table)
    if made is not None:
        return await resume_fork(made["fork_id"], context, time_is_up=time_is_up)
    source = await thread_store(context.resources).load_thread(thread_id, context)
    if source.status.type != "active":
        raise ThreadLockedError
    selection = await select(thread_id, item_id, context, before=before)
    await quotas.claim("fork", context)
    origin = {"thread_id": thread_id, "item_id": item_id, "before": before}
    work = await _begin(origin, selection, repeat, context)
    if work is None:
        # Another request with the same key has begun at the same moment.
        return await fork_thread(thread_id, item_id, context, before=before, repeat=repeat, time_is_up=time_is_up)
    try:
        ready = await copy_fork(context.resources, work, time_is_up=time_is_up)
    except (QuotaExceededError, TooLargeError) as error:
        if isinstance(error, QuotaExceededError):
            await abandon(context.resources, work)
        if repeat is not None:
            await table.delete(repeat.key)
        raise
    return await _found(work, origin, context, ready=ready)


async def resume_fork(fork_id: str, context: RequestContext, *, time_is_up: Callable[[], bool]) -> Fork:
    """Continue the copy of a fork of the caller.

    Raises:
        NotFoundError: there is no such fork, or its source has been deleted.
    """
    meta = await context.resources.table.get(meta_key(context.caller, fork_id))
    if meta is None or "forking" not in meta:
        return await find_fork(fork_id, context)
    work = fork_work(context.caller, fork_id, meta["deleted_at"])
    ready = await copy_fork(context.resources, work, time_is_up=time_is_up)
    return await _found(work, meta["forking"]["origin"], context, ready=ready)


async def _found(work: Row, origin: dict[str, object], context: RequestContext, *, ready: bool) -> Fork:
    if not ready:
        return Fork(work["thread_id"], False, origin)
    # Otherwise the source was deleted meanwhile, and the fork with it.
    return await find_fork(work["thread_id"], context)


async def find_fork(thread_id: str, context: RequestContext) -> Fork:
    """Return what a thread of the caller was forked from, and whether its copy is complete.

    Raises:
        NotFoundError: there is no such thread.
    """
    meta = await context.resources.table.get(meta_key(context.caller, thread_id))
    if meta is not None and "forking" in meta:
        return Fork(thread_id, False, meta["forking"]["origin"])
    if meta is None or not is_visible(meta):
        raise ThreadNotFoundError(thread_id)
    return Fork(thread_id, True, origin_of(load_metadata(meta)))


async def _begin(
    origin: dict[str, Any], selection: Selection, repeat: RepeatKey | None, context: RequestContext
) -> Row | None:
    """Write the hidden metadata and the sweep's work. Return the work; None if another request has used the key."""
    caller, fork_id = context.caller, new_id(ID_PREFIXES["thread"])
    work = fork_work(caller, fork_id, clock.now().isoformat())
    hidden = {"schema_version": SCHEMA_VERSION, "id": fork_id, "deleted_at": work["begun_at"]}
    forking = {
        "origin": origin,
        "until": selection.until,
        "inclusive": selection.inclusive,
        "marks": selection.marks,
    }
    place = keys.own_place(fork_id) or ""
    writes = [
        Write(meta_key(caller, fork_id), put={**hidden, "forking": forking, "copied": START, "copies": 0}),
        # By the list an erasure finds the fork. Nobody sees a row that counts as deleted.
        Write(Key(caller.partition, keys.thread_list_sk(place)), put={**hidden, "place": place}),
        Write(row_key(work), put={name: value for name, value in work.items() if name not in {"pk", "sk"}}),
        member_write(caller),
        *not_erased(caller),
    ]
    keyed = [] if repeat is None else [repeat.write({"fork_id": fork_id})]
    try:
        await context.resources.table.transact([*writes, *keyed])
    except ConditionFailedError as error:
        if repeat is not None and repeat.met(error, len(writes)):
            return None
        raise BeingErasedError from None
    return work
