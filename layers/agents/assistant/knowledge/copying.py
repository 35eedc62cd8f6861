"""Copy a thread's documents into a fork: each original is copied, and the function `ingest` reads it anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from assistant import clock, quotas
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Space
from assistant.context import RequestContext
from assistant.knowledge import invocation
from assistant.knowledge.documents import (
    EXPIRED_KIND,
    INGEST_KIND,
    UNFINISHED_KIND,
    UNFINISHED_LIFETIME,
    queue_write,
    sweep_work,
)
from assistant.knowledge.limits import START_AGAIN
from assistant.knowledge.rows import DOCUMENT_KIND, SCHEMA_VERSION
from assistant.passages import is_searchable


async def copy_documents(
    context: RequestContext,
    source_id: str,
    target_id: str,
    named: Callable[[str], str],
    checks: Sequence[Write],
    *,
    time_is_up: Callable[[], bool],
) -> bool:
    """Copy the documents of a thread that can be searched. A repeated call continues an interrupted copy.

    Args:
        context: A request of the user of both threads.
        source_id: The thread.
        target_id: The thread of the copies.
        named: Returns the id of a copy. It returns the same id in each call.
        checks: Checks of the target and the source, for each transaction.
        time_is_up: Called between two documents; True ends the copy early.

    Returns:
        Whether all of them are copied.

    Raises:
        ConditionFailedError: a check has failed, or another process copies too.
        QuotaExceededError: the user may upload no more files today.
    """
    caller, table = context.caller, context.resources.table
    source = Space(caller.tenant_id, caller.user_id, source_id)
    target = Space(caller.tenant_id, caller.user_id, target_id)
    between = (keys.DOCUMENT_PREFIX, keys.DOCUMENT_END)
    rows, _ = await table.query(source.partition, between=between, limit=context.settings.knowledge.own_documents + 1)
    for row in rows:
        if not is_searchable(row):
            continue
        if time_is_up():
            return False
        copy = await table.get(target.document(named(row["id"])))
        if copy is None:
            copy = await _begin(context, target, row, named, checks)
        if copy["state"] == "uploading":
            await _queue(context, target, row["original"], copy)
    return True


async def _begin(
    context: RequestContext, target: Space, source: Row, named: Callable[[str], str], checks: Sequence[Write]
) -> Row:
    """Write the row of a copy whose bytes are missing. If the copy ends here, the sweep removes it."""
    await quotas.claim("upload", context)
    document_id, version = named(source["id"]), named(source["original"].rpartition(".")[2])
    original = f"{target.object_prefix}{document_id}.{version}"
    row: dict[str, Any] = {
        "kind": DOCUMENT_KIND,
        "schema_version": SCHEMA_VERSION,
        "id": document_id,
        **{name: source[name] for name in ("name", "type", "size")},
        **{f"new_{name}": source[name] for name in ("name", "type", "size")},
        "new_original": original,
        "state": "uploading",
        "created_at": clock.now().isoformat(),
        **({"expires_at": source["expires_at"]} if "expires_at" in source else {}),
    }
    put = Write(target.document(document_id), put=row, condition="attribute_not_exists(pk)")
    work = sweep_work(target, document_id, UNFINISHED_KIND, UNFINISHED_LIFETIME, new_original=original)
    writes = [*checks, put, work]
    if "expires_at" in row:
        wait = timedelta(seconds=row["expires_at"] - clock.now().timestamp())
        writes.append(sweep_work(target, document_id, EXPIRED_KIND, wait))
    await context.resources.table.transact(writes)
    return row


async def _queue(context: RequestContext, target: Space, original: str, copy: Row) -> None:
    """Copy the bytes, and queue the copy for reading."""
    resources, document_id = context.resources, copy["id"]
    # If the original has just been removed, the reading fails with the reason `missing`.
    with suppress(KeyError):
        await resources.objects.copy(original, copy["new_original"])
    queue = queue_write(target.document(document_id), copy["new_original"], context.caller.user_id)
    work = sweep_work(target, document_id, INGEST_KIND, START_AGAIN, new_original=copy["new_original"])
    try:
        await resources.table.transact([queue, work])
    except ConditionFailedError:
        return  # Another process has queued it.
    if not resources.settings.malware_scan:
        # A copy is scanned like an upload, so the sweep starts its reading a little later.
        await invocation.start(resources, target, document_id)
