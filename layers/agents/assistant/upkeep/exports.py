"""A user's own export: documents in the bucket, made by the sweep's work, with links that expire.

One document has the data of one thread, one more has the account. The bytes of the user's files and of the documents
for the knowledge are not copied: the export links to them. The documents are removed after `EXPORT_LIFETIME`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from assistant import audit, clock
from assistant.aws import ConditionFailedError, Row, Write, keys
from assistant.aws.keys import Key
from assistant.context import Resources
from assistant.errors import BeingErasedError, QuotaExceededError
from assistant.files import load_attachment, read_url
from assistant.identity import Caller
from assistant.ids import uuid7
from assistant.quotas import marked
from assistant.threads import SCHEMA_VERSION
from assistant.upkeep.privacy import account_data, document_original, document_rows, thread_data

EXPORT_KIND = "export"
FORGET_EXPORT_KIND = "forget_export"
# A user has a day to fetch the documents.
EXPORT_LIFETIME = timedelta(days=1)
# An export reads all data of a user, and nobody pays for it.
EXPORT_EVERY = timedelta(hours=1)
# A link is made anew with each request, so it can be short-lived.
LINK_SECONDS = 15 * 60
# Links in one answer.
PAGE_LINKS = 100
STEP_ROWS = 25


def _key(user: Caller) -> Key:
    return Key(user.partition, keys.EXPORT_SK)


async def request_export(resources: Resources, user: Caller) -> Row:
    """Write the work that makes an export.

    Returns:
        The work, for `make_export`.

    Raises:
        QuotaExceededError: the user's last export is less than `EXPORT_EVERY` ago.
        BeingErasedError: the user's data is being erased.
    """
    if await marked(resources, user) is not None:
        raise BeingErasedError
    now, export_id = clock.now(), uuid7()
    work: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": EXPORT_KIND,
        "tenant_id": user.tenant_id,
        "user_id": user.user_id,
        "export_id": export_id,
    }
    key = keys.sweep_key(now, f"{user.partition}/{export_id}", EXPORT_KIND)
    ends = now + EXPORT_LIFETIME
    forget = keys.sweep_key(ends, f"{user.partition}/{export_id}", FORGET_EXPORT_KIND)
    state: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "export_id": export_id,
        "requested_at": now.isoformat(),
        "expires_at": ends.isoformat(),
        "threads": 0,
        "ready": False,
    }
    note = audit.entry(resources, "data.exported", by=user, tenant_id=user.tenant_id)
    first = Write(
        _key(user),
        put=state,
        condition="attribute_not_exists(pk) OR requested_at < :before",
        values={":before": (now - EXPORT_EVERY).isoformat()},
    )
    try:
        await resources.table.transact(
            [first, Write(key, put=work), Write(forget, put={**work, "kind": FORGET_EXPORT_KIND}), note.write]
        )
    except ConditionFailedError as error:
        again = datetime.fromisoformat((error.row or state)["requested_at"]) + EXPORT_EVERY
        raise QuotaExceededError(retry_after=(again - now).total_seconds()) from None
    note.log()
    return {**work, **key._asdict()}


async def make_export(resources: Resources, work: Row, *, time_is_up: Callable[[], bool] = lambda: False) -> bool:
    """Write the documents, or go on with it. Return whether the export is ready; the caller then removes the work."""
    user = Caller(work["tenant_id"], work["user_id"])
    state = await resources.table.get(_key(user))
    if state is None or state["export_id"] != work["export_id"]:
        return True  # The user has been erased, or has asked for a newer export.
    prefix = keys.export_prefix(user.tenant_id, user.user_id, work["export_id"])
    between = (keys.THREAD_LIST_PREFIX, keys.THREAD_LIST_END)
    rows = resources.table.rows(user.partition, after=state.get("after"), between=between, page=STEP_ROWS)
    async for row in rows:
        if time_is_up():
            return False
        data = await thread_data(resources, user, row["id"])
        name = f"{prefix}threads/{quote(row['id'], safe='')}.json"
        await resources.objects.put(name, _json(data), "application/json")
        if not await _note(resources, user, work, row["sk"], [row["id"]] if data["documents"] else []):
            return True
    await resources.objects.put(f"{prefix}account.json", _json(await account_data(resources, user)), "application/json")
    await _change(resources, user, work, "SET ready = :ready", {":ready": True})
    return True


async def _note(resources: Resources, user: Caller, work: Row, after: str, with_documents: Sequence[str]) -> bool:
    """Note that a thread is exported. Return False if the export no longer exists.

    Args:
        resources: The process's table and bucket.
        user: The user.
        work: The work.
        after: The sort key of the thread in the user's list.
        with_documents: The thread, if it has documents of its own.
    """
    update = "SET #after = :after, with_documents = list_append(if_not_exists(with_documents, :none), :more)"
    values = {":after": after, ":one": 1, ":none": [], ":more": list(with_documents)}
    return await _change(resources, user, work, f"{update} ADD threads :one", values, {"#after": "after"})


async def _change(
    resources: Resources,
    user: Caller,
    work: Row,
    update: str,
    values: dict[str, Any],
    names: dict[str, str] | None = None,
) -> bool:
    """Change the state of an export. Return False if the export no longer exists."""
    try:
        await resources.table.update(
            _key(user),
            update,
            condition="export_id = :id",
            names=names or {},
            values={**values, ":id": work["export_id"]},
        )
    except ConditionFailedError:
        await _forget(resources, user, work)
        return False
    return True


async def forget_export(resources: Resources, work: Row) -> None:
    """Remove an export's documents, and its state unless there is a newer one."""
    user = Caller(work["tenant_id"], work["user_id"])
    await _forget(resources, user, work)
    state = Write(_key(user), delete=True, condition="export_id = :id", values={":id": work["export_id"]})
    try:
        await resources.table.transact([state])
    except ConditionFailedError:
        return


async def _forget(resources: Resources, user: Caller, work: Row) -> None:
    await resources.objects.delete_prefix(keys.export_prefix(user.tenant_id, user.user_id, work["export_id"]))


def _json(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, default=str).encode()


async def export_state(resources: Resources, user: Caller, after: str | None = None) -> dict[str, Any] | None:
    """Return the state of a user's export and, if it is ready, a page of links; None if there is no export.

    Args:
        resources: The process's table and bucket.
        user: The user.
        after: The `next` of the page before.
    """
    state = await resources.table.get(_key(user))
    if state is None or state["expires_at"] < clock.now().isoformat():
        return None
    answer = {name: state[name] for name in ("requested_at", "expires_at", "threads", "ready")}
    if not state["ready"]:
        return answer
    prefix = keys.export_prefix(user.tenant_id, user.user_id, state["export_id"])
    links: list[dict[str, str]] = []
    following: str | None = None
    if after is None or after.startswith(_DOCUMENTS):
        last = prefix + (after or "").removeprefix(_DOCUMENTS)
        found = await resources.objects.first_keys(prefix, after=last, most=PAGE_LINKS)
        links = [await _document(resources, key, key.removeprefix(prefix)) for key in found]
        following = _DOCUMENTS + found[-1].removeprefix(prefix) if len(found) == PAGE_LINKS else _FILES
    elif after.startswith(_FILES):
        last = after.removeprefix(_FILES) or keys.ATTACHMENT_PREFIX
        between = (keys.ATTACHMENT_PREFIX, keys.ATTACHMENT_END)
        rows, more = await resources.table.query(user.partition, after=last, between=between, limit=PAGE_LINKS)
        links = [await _file(resources, user, row) for row in rows]
        following = _FILES + rows[-1]["sk"] if more and rows else _ORIGINALS
    else:
        links, following = await _originals(resources, user, state, after.removeprefix(_ORIGINALS))
    if following == _ORIGINALS and not resources.settings.knowledge.on:
        following = None
    return {**answer, "links": links, **({} if following is None else {"next": following})}


# The cursors of the lists: of the export's own documents, of attachments, and of documents that the user has added.
_DOCUMENTS, _FILES, _ORIGINALS = "documents:", "files:", "originals:"


async def _originals(
    resources: Resources, user: Caller, state: Row, after: str
) -> tuple[list[dict[str, str]], str | None]:
    """Return links to documents: first to the user's own, then to those of each thread.

    Args:
        resources: The process's table and bucket.
        user: The user.
        state: The state of the export.
        after: The number of spaces before; empty at the beginning.
    """
    spaces: list[str | None] = [None, *state.get("with_documents", ())]
    links: list[dict[str, str]] = []
    place = int(after) if after.isdecimal() else 0
    # The number of documents of a space is limited.
    while place < len(spaces) and len(links) < PAGE_LINKS:
        links += [await _original(resources, row) for row in await document_rows(resources, user, spaces[place])]
        place += 1
    return links, f"{_ORIGINALS}{place}" if place < len(spaces) else None


async def _document(resources: Resources, key: str, name: str) -> dict[str, str]:
    url = await resources.objects.presign(
        "get_object",
        key,
        LINK_SECONDS,
        ResponseContentType="application/json",
        ResponseContentDisposition="attachment",
    )
    return {"name": name, "url": url}


async def _file(resources: Resources, user: Caller, row: Row) -> dict[str, str]:
    found = await load_attachment(resources.table, user, json.loads(row["document"])["id"])
    return {"name": f"files/{found.id}/{found.name}", "url": await read_url(resources, user, found)}


async def _original(resources: Resources, row: Row) -> dict[str, str]:
    url = await resources.objects.presign(
        "get_object",
        document_original(row),
        LINK_SECONDS,
        ResponseContentType=row["type"],
        ResponseContentDisposition="attachment",
    )
    return {"name": f"documents/{row['id']}/{row['name']}", "url": url}
