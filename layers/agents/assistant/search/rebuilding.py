"""Write a thread's words anew from its items: for threads of earlier releases, and after messages were removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assistant import clock
from assistant.aws import MAX_ROUNDS, ConditionFailedError, Row, Write, keys, pause
from assistant.context import RequestContext, Resources
from assistant.errors import ConflictError
from assistant.identity import Caller
from assistant.search.rows import is_searched, text_of, words_key, words_write
from assistant.search.switched import are_complete, on_since
from assistant.search.words import words_of
from assistant.threads import SCHEMA_VERSION, is_visible, read_items, thread_store

REBUILD_KIND = "words"
FILL_KIND = "fill_words"
# Items that one Query reads.
STEP_ITEMS = 100
STEP_THREADS = 100


def rebuild_work(caller: Caller, thread_id: str) -> Write:
    """Return the write of the sweep's work that rebuilds a thread's words. Equal work of an hour is one row."""
    return _work(REBUILD_KIND, caller.thread(thread_id).partition, caller, thread_id=thread_id)


def fill_work(caller: Caller) -> Write:
    """Return the write of the sweep's work that gives words to all threads of a user that lack some."""
    return _work(FILL_KIND, caller.partition, caller)


def _work(kind: str, partition: str, caller: Caller, **names: str) -> Write:
    row: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "tenant_id": caller.tenant_id,
        "user_id": caller.user_id,
        "visitor": caller.visitor,
        **names,
    }
    due = clock.now().replace(minute=0, second=0, microsecond=0)
    return Write(keys.sweep_key(due, partition, kind), put=row)


def owner_of(work: Row) -> Caller:
    """Return the user whose words a piece of work is about."""
    return Caller(work["tenant_id"], work["user_id"], visitor=work.get("visitor", False))


async def rebuild(resources: Resources, caller: Caller, thread_id: str) -> None:
    """Rewrite the row with a thread's words. Do nothing if the thread is gone.

    Raises:
        ConflictError: other processes have written the row during each attempt.
    """
    context = RequestContext(caller, resources)
    pk, table = caller.thread(thread_id).partition, resources.table
    for round_number in range(MAX_ROUNDS):
        meta = await table.get(keys.Key(pk, keys.META_SK))
        if not is_visible(meta) or meta is None:
            return
        key = words_key(caller, meta["place"])
        row = await table.get(key)
        words, last = await _words(context, pk)
        write = words_write(key, words, last, row, context.settings.retention_days)
        exists = Write(
            keys.Key(pk, keys.META_SK), condition="attribute_exists(pk) AND attribute_not_exists(deleted_at)"
        )
        try:
            await table.transact([exists, write])
        except ConditionFailedError:
            await pause(round_number)
            continue
        return
    raise ConflictError


async def _words(context: RequestContext, pk: str) -> tuple[set[str], str | None]:
    """Return all words of a thread, and the id of its newest message."""
    words: set[str] = set()
    last: str | None = None
    after: str | None = None
    more = True
    while more:
        _, page = await read_items(
            context.resources.table, pk, after=after, limit=STEP_ITEMS, descending=False, wanted=is_shown
        )
        for item in await thread_store(context.resources).decode_items(page.rows):
            if is_searched(item):
                words |= words_of(text_of(item))
                last = item.id
        more, after = page.has_more, page.rows[-1]["sk"] if page.rows else after
    return words, last


def is_shown(row: Row) -> bool:
    """Tell whether a user sees an item."""
    return is_visible(row) and not row.get("hidden")


async def fill(resources: Resources, caller: Caller, time_is_up: Callable[[], bool]) -> bool:
    """Give words to all threads of a user that lack some. Return whether all have them."""
    since = await on_since(resources.table)
    between = (keys.THREAD_LIST_PREFIX, keys.THREAD_LIST_END)
    async for listed in resources.table.rows(caller.partition, between=between, page=STEP_THREADS):
        if time_is_up():
            return False
        if not is_visible(listed):
            continue
        if not are_complete(await resources.table.get(words_key(caller, listed["place"])), since):
            await rebuild(resources, caller, listed["id"])
    return True
