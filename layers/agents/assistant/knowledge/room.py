"""The limit on a space's documents. It holds under races, and an addition is one transaction with the limit's row.

The row has a number that each addition raises, on condition that nobody has added a document since the count. A
removal does not touch the row: it only makes room.
"""

from __future__ import annotations

from datetime import timedelta

from assistant import clock, files
from assistant.aws import Write, keys
from assistant.aws.keys import Key, Space
from assistant.context import RequestContext
from assistant.errors import TooLargeError
from assistant.knowledge import removal
from assistant.knowledge.limits import PAGE_DOCUMENTS
from assistant.knowledge.rows import SCHEMA_VERSION, space_fields


async def room_write(context: RequestContext, space: Space) -> Write | None:
    """Return the write that takes a place for a new document. Its condition fails if another one came meanwhile.

    Returns:
        None if the space has no limit.

    Raises:
        TooLargeError: the user or the thread has as many documents as allowed.
    """
    if space.user_id is None:
        return None
    most = context.settings.knowledge.own_documents
    revision, count = await _counted(context, space)
    if count >= most and await _forget_abandoned(context, space):
        revision, count = await _counted(context, space)
    if count >= most:
        raise TooLargeError(f"At most {most} documents can be kept here. Please remove one first.")
    return Write(
        Key(space.partition, keys.DOCUMENTS_SK),
        update="SET revision = :next, schema_version = :schema",
        condition="revision = :seen" if revision else "attribute_not_exists(pk)",
        values={":next": revision + 1, ":schema": SCHEMA_VERSION, **({":seen": revision} if revision else {})},
    )


async def _counted(context: RequestContext, space: Space) -> tuple[int, int]:
    """Return the number of additions, and the number of documents up to the limit.

    The row of additions comes first in the Query. So a document that is added after it was read fails the condition.
    """
    limit = context.settings.knowledge.own_documents + 1
    between = (keys.DOCUMENTS_SK, keys.DOCUMENT_END)
    rows, _ = await context.resources.table.query(space.partition, between=between, limit=limit)
    if rows and rows[0]["sk"] == keys.DOCUMENTS_SK:
        return rows[0]["revision"], len(rows) - 1
    return 0, len(rows)


async def _forget_abandoned(context: RequestContext, space: Space) -> bool:
    """Forget uploads whose URL has expired, and return whether there were any. The sweep does so after a day."""
    latest = (clock.now() - timedelta(seconds=files.UPLOAD_URL_SECONDS)).isoformat()
    rows = context.resources.table.rows(
        space.partition, between=(keys.DOCUMENT_PREFIX, keys.DOCUMENT_END), page=PAGE_DOCUMENTS
    )
    abandoned = [
        row async for row in rows if row["state"] == "uploading" and "gen" not in row and row["created_at"] < latest
    ]
    for row in abandoned:
        work = {**space_fields(space), "document_id": row["id"], "new_original": row["new_original"]}
        await removal.forget_unfinished(context.resources, work)
    return bool(abandoned)
