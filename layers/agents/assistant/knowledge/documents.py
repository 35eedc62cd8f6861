"""Add, list, replace and remove documents. A document's original is in the bucket, its row in the main table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chatkit.types import AttachmentCreateParams, FileAttachment

from assistant import audit, clock, files, quotas
from assistant.aws import MAX_ROUNDS, ConditionFailedError, Row, Write, keys, pause
from assistant.aws.keys import Key, Space
from assistant.context import RequestContext
from assistant.errors import (
    ConflictError,
    FileRefusedError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    UnsupportedTypeError,
    UploadMissingError,
)
from assistant.ids import new_id
from assistant.knowledge import invocation, removal
from assistant.knowledge.limits import MAX_DAYS, PAGE_DOCUMENTS, START_AGAIN
from assistant.knowledge.room import room_write
from assistant.knowledge.rows import DOCUMENT_KIND, SCHEMA_VERSION, Document, document_of, space_fields
from assistant.threads import THREAD_EXISTS, ThreadNotFoundError, is_visible

INGEST_KIND = "ingest"
UNFINISHED_KIND = "unfinished_document"
EXPIRED_KIND = "expired_document"
# An upload that is not completed within a day is forgotten, as an attachment is.
UNFINISHED_LIFETIME = timedelta(days=1)
# In these states, no process reads the new version.
_AT_REST = "#state IN (:uploading, :ready, :failed)"
_STATES = {":uploading": "uploading", ":ready": "ready", ":failed": "failed"}


@dataclass(frozen=True)
class Upload:
    """How a client sends a document's bytes to the bucket."""

    url: str
    headers: Mapping[str, str]
    method: str = "PUT"


async def announce(
    context: RequestContext,
    space: Space,
    *,
    name: str,
    mime_type: str,
    size: int,
    document_id: str | None = None,
    days: int | None = None,
) -> tuple[Document, Upload]:
    """Register a new document, or a new version of one, and return the way to send its bytes.

    Args:
        context: The request's context.
        space: The document's space. The calling code has checked that the user may change it.
        name: The client's name for the file.
        mime_type: The media type that the client declares.
        size: The number of bytes.
        document_id: The document that gets a new version; None for a new document.
        days: After how many days a new document expires; None for never.

    Raises:
        InvalidRequestError, TooLargeError, UnsupportedTypeError: the file is not allowed.
        NotFoundError: there is no such document or thread.
        ConflictError: the document is being read.
        QuotaExceededError: a limit is reached.
    """
    announced = AttachmentCreateParams(name=name, size=size, mime_type=mime_type)
    media, harmless = files.check_announced(announced)
    if media.kind == "image":
        raise UnsupportedTypeError("A picture has no text that can be searched.")
    # A refused request must not count as an upload.
    room = None
    if document_id is None:
        await check_thread(context, space)
        room = await room_write(context, space)
    elif (await load(context, space, document_id))["state"] in ("queued", "working"):
        raise _being_read()
    claimed = None if space.user_id is None else await quotas.claim("upload", context)
    known = document_id or new_id("doc")
    # Each version is a new object, so the version in use stays until the new one is complete.
    target = f"{space.object_prefix}{known}.{new_id('ver')}"
    url = await context.resources.objects.presign(
        "put_object",
        target,
        files.UPLOAD_URL_SECONDS,
        ContentType=media.name,
        ContentLength=size,
        IfNoneMatch="*",
    )
    new = {"new_original": target, "new_name": harmless, "new_type": media.name, "new_size": size}
    if document_id is None:
        try:
            row = await _create(context, space, known, new, days, room)
        except (TooLargeError, ConflictError):
            # Other requests have taken the last place meanwhile.
            if claimed is not None:
                await quotas.settle(claimed, context, dollars=0, count=0)
            raise
    else:
        row = await _renew(context, space, known, new)
    return document_of(row), Upload(url, {"Content-Type": media.name, "If-None-Match": "*"})


async def check_thread(context: RequestContext, space: Space) -> None:
    """Check that the thread of a space exists.

    Raises:
        ThreadNotFoundError: the thread does not exist.
    """
    if space.thread_id is not None:
        row = await context.resources.table.get(Key(space.partition, keys.META_SK))
        if row is None or not is_visible(row):
            raise ThreadNotFoundError(space.thread_id)


def _being_read() -> ConflictError:
    return ConflictError("This document is being read. Please wait until that is done.")


async def _create(
    context: RequestContext,
    space: Space,
    document_id: str,
    new: Mapping[str, Any],
    days: int | None,
    room: Write | None,
) -> Row:
    now = clock.now()
    row: dict[str, Any] = {
        "kind": DOCUMENT_KIND,
        "schema_version": SCHEMA_VERSION,
        "id": document_id,
        "name": new["new_name"],
        "type": new["new_type"],
        "size": new["new_size"],
        "state": "uploading",
        "created_at": now.isoformat(),
        **new,
    }
    if space.group is not None:
        row["group"] = space.group
    key = space.document(document_id)
    writes = [
        Write(key, put=row, condition="attribute_not_exists(pk)"),
        sweep_work(space, document_id, UNFINISHED_KIND, UNFINISHED_LIFETIME, new_original=new["new_original"]),
    ]
    if days is not None:
        row["expires_at"] = int((now + timedelta(days=days)).timestamp())
        writes.append(sweep_work(space, document_id, EXPIRED_KIND, timedelta(days=days)))
    if space.user_id is not None:
        writes.append(files.member_write(context.caller))
    if space.thread_id is not None:
        writes.append(Write(Key(key.pk, keys.META_SK), condition=THREAD_EXISTS))
    for round_number in range(MAX_ROUNDS):
        try:
            await context.resources.table.transact([*writes, *filter(None, [room])])
        except ConditionFailedError as error:
            if error.index < len(writes):
                # The document's id is new, so the condition of the thread has failed.
                raise ThreadNotFoundError(space.thread_id or "") from None
            await pause(round_number)
            room = await room_write(context, space)
            continue
        return row
    raise ConflictError


async def _renew(context: RequestContext, space: Space, document_id: str, new: Mapping[str, Any]) -> Row:
    key = space.document(document_id)
    values = {**{f":{name}": value for name, value in new.items()}, **_STATES}
    changes = ", ".join(f"{name} = :{name}" for name in new)
    writes = [
        Write(
            key,
            update=f"SET {changes}, #state = :uploading",
            condition=f"attribute_exists(pk) AND {_AT_REST}",
            names={"#state": "state"},
            values=values,
        ),
        sweep_work(space, document_id, UNFINISHED_KIND, UNFINISHED_LIFETIME, new_original=new["new_original"]),
    ]
    row = await load(context, space, document_id)
    try:
        await context.resources.table.transact(writes)
    except ConditionFailedError as error:
        if error.row is None:
            raise NotFoundError("There is no such document.") from None
        raise _being_read() from None
    if "new_original" in row:
        # An upload that was not completed, or a version that could not be read.
        await context.resources.objects.delete_many([row["new_original"]])
    return {**row, **new, "state": "uploading"}


def sweep_work(space: Space, document_id: str, kind: str, wait: timedelta, **more: Any) -> Write:
    """Return work of the sweep on a document. Work on another version has another key."""
    key = space.document(document_id)
    place = "/".join([*key, *map(str, more.values())])
    row = {
        "kind": kind,
        "schema_version": SCHEMA_VERSION,
        "document_id": document_id,
        "since": clock.now().isoformat(),
        **space_fields(space),
        **more,
    }
    return Write(keys.sweep_key(clock.now() + wait, place, kind), put=row)


async def space_of_document(context: RequestContext, space: Space, document_id: str) -> Space:
    """Return the space that a document is in, if a request names the whole tenant: the tenant's, or a group's."""
    if space.user_id is not None or space.group is not None:
        return space
    row = await context.resources.table.get(space.document(document_id))
    return space if row is None else space._replace(group=row.get("group"))


async def load(context: RequestContext, space: Space, document_id: str) -> Row:
    """Return a document's row.

    Raises:
        NotFoundError: the space has no such document.
    """
    row = await context.resources.table.get(space.document(document_id))
    if row is None or row.get("group") != space.group:
        raise NotFoundError("There is no such document.")
    return row


async def complete(context: RequestContext, space: Space, document_id: str, *, by_operator: bool = False) -> Document:
    """Check an upload and start to read it. A repeated request changes nothing, but a failed reading starts again.

    Args:
        context: The request's context. Its caller pays for the reading.
        space: The document's space.
        document_id: The document.
        by_operator: Whether the audit trail names the operator in place of the caller.

    Raises:
        NotFoundError: there is no such document.
        ConflictError: the document has no new version.
        UploadMissingError: the bytes have not arrived.
        UnsupportedTypeError: the content does not match the type. The new version is removed.
        FileRefusedError: the malware scan has refused the file. The new version is removed.
        FileUncheckedError: the malware scan has no result yet.
    """
    resources = context.resources
    row = await load(context, space, document_id)
    if row["state"] in ("queued", "working"):
        return document_of(row)
    if "new_original" not in row:
        raise ConflictError("There is no upload to complete.")
    try:
        await _check_bytes(context, row)
    except (UnsupportedTypeError, FileRefusedError):
        # The bytes at this URL cannot be sent again, so this upload can never be completed.
        refused = {**space_fields(space), "document_id": document_id, "new_original": row["new_original"]}
        await removal.forget_unfinished(resources, refused)
        raise
    key = space.document(document_id)
    note = audit.entry(
        resources,
        "document.replaced" if "gen" in row else "document.added",
        by=None if by_operator else context.caller,
        tenant_id=context.caller.tenant_id,
        document=document_id,
        scope=scope_of(space),
    )
    queue = queue_write(key, row["new_original"], context.caller.user_id)
    work = sweep_work(space, document_id, INGEST_KIND, START_AGAIN, new_original=row["new_original"])
    try:
        await resources.table.transact([queue, work, note.write])
    except ConditionFailedError:
        # Another request has completed, replaced or removed it.
        return document_of(await load(context, space, document_id))
    note.log()
    await invocation.start(resources, space, document_id)
    return document_of(await load(context, space, document_id))


def queue_write(key: Key, original: str, user_id: str) -> Write:
    """Return the write that queues a document for reading.

    Args:
        key: The document's row.
        original: The object of the version to read.
        user_id: The user who pays for the reading. The end of the reading removes the name.
    """
    return Write(
        key,
        update="SET #state = :queued, #by = :by, attempts = :none, updated_at = :now REMOVE reason, done, #total",
        condition="#state IN (:uploading, :failed) AND new_original = :object",
        names={"#state": "state", "#by": "by", "#total": "total"},
        values={
            ":queued": "queued",
            ":uploading": "uploading",
            ":failed": "failed",
            ":object": original,
            ":by": user_id,
            ":none": 0,
            ":now": clock.now().isoformat(),
        },
    )


async def _check_bytes(context: RequestContext, row: Row) -> None:
    resources, target = context.resources, row["new_original"]
    file = FileAttachment(id=row["id"], name=row["new_name"], mime_type=row["new_type"])
    with resources.one_more_wait(context.caller) as may_wait:
        await files.check_scan(resources, context.caller, file, may_wait=may_wait, key=target)
    head = await resources.objects.peek(target, files.HEAD_BYTES)
    if head is None or head.size != row["new_size"]:
        raise UploadMissingError(f"The file '{file.name}' has not been uploaded.")
    files.check_head(files.allowed_media(file.mime_type, file.name), head.first_bytes, file.name)


async def page(context: RequestContext, space: Space, after: str | None = None) -> tuple[list[Document], str | None]:
    """Return a page of a space's documents, the oldest first, and the cursor of the next page.

    The tenant's documents include those of all groups.
    """
    cursor = None if after is None else space.document(after).sk
    between = (keys.DOCUMENT_PREFIX, keys.DOCUMENT_END)
    rows, more = await context.resources.table.query(
        space.partition, after=cursor, between=between, limit=PAGE_DOCUMENTS
    )
    found = [document_of(row) for row in rows if space.group is None or row.get("group") == space.group]
    return found, rows[-1]["id"] if more and rows else None


async def remove(context: RequestContext, space: Space, document_id: str, *, by_operator: bool = False) -> None:
    """Remove a document. From now on no search finds it, and its original has no link. The arguments: see `complete`.

    Raises:
        NotFoundError: there is no such document.
    """
    row = await load(context, space, document_id)
    note = audit.entry(
        context.resources,
        "document.removed",
        by=None if by_operator else context.caller,
        tenant_id=context.caller.tenant_id,
        document=document_id,
        scope=scope_of(space),
    )
    await removal.remove_document(context.resources, space, row, note)


def scope_of(space: Space) -> str:
    """Return the name of a space's kind."""
    if space.thread_id is not None:
        return "thread"
    if space.user_id is not None:
        return "user"
    return "tenant" if space.group is None else "group"


async def original_url(context: RequestContext, row: Row, seconds: int) -> str:
    """Return a link to a document's searchable version. The link works for `seconds`."""
    media = files.ALLOWED_MEDIA.get(row["type"])
    return await context.resources.objects.presign(
        "get_object",
        row["original"],
        seconds,
        ResponseContentType=row["type"],
        ResponseContentDisposition=files.content_disposition(media, row["name"]),
    )


def checked_days(days: object) -> int | None:
    """Return the number of days of a request; None for no expiry.

    Raises:
        InvalidRequestError: it is no whole number from 1 to `MAX_DAYS`.
    """
    if days is None:
        return None
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MAX_DAYS:
        raise InvalidRequestError(f"days must be a whole number from 1 to {MAX_DAYS}.")
    return days
